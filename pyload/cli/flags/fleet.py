"""The flags that say where the proxies of a run live, and how they behave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from pyload.cli.flags.group import GroupOption, flag_group
from pyload.errors import UsageError
from pyload.proxies.behavior import DEFAULT, ProxyBehavior

if TYPE_CHECKING:
    from pyload.xds.types import TypeUrl

_MAX_WORKERS: Final = 1024


@dataclass(frozen=True, slots=True)
class FleetFlags:
    """The values of the flags.

    Attributes:
        workers: Processes that the proxies run in; None leaves it to the number of proxies.
        behavior: How the proxies behave.
    """

    workers: int | None
    behavior: ProxyBehavior


class FleetOption(GroupOption):
    """A flag about proxies."""

    title = "Proxies"


def fleet_flags(context: click.Context) -> FleetFlags:
    """Read the flags.

    Raises:
        UsageError: A value makes no sense.
    """
    values = context.params
    return FleetFlags(
        workers=_workers(values["workers"]),
        behavior=ProxyBehavior(
            agent_types=_agent_types(values["agent_types"]),
            connect_rate=_rate(values["connect_rate"]),
            slow_fraction=_fraction("--slow-fraction", values["slow_fraction"]),
            nack_fraction=_fraction("--nack-fraction", values["nack_fraction"]),
        ),
    )


fleet_options: Final = flag_group(
    "fleet",
    fleet_flags,
    click.option(
        "--workers",
        cls=FleetOption,
        default="auto",
        show_default=True,
        metavar="N|auto",
        help="Worker processes, 0 for none.",
    ),
    click.option(
        "--connect-rate",
        cls=FleetOption,
        type=float,
        default=DEFAULT.connect_rate,
        metavar="N",
        help="Connect at most N per second.  [default: no limit]",
    ),
    click.option(
        "--agent-types",
        cls=FleetOption,
        default="",
        metavar="nds,pcds",
        help="Subscribe to these too, as Istio's agents do.",
    ),
    click.option(
        "--slow-fraction",
        cls=FleetOption,
        type=float,
        default=DEFAULT.slow_fraction,
        metavar="0..1",
        help="Share of proxies that pause after each message.",
    ),
    click.option(
        "--nack-fraction",
        cls=FleetOption,
        type=float,
        default=DEFAULT.nack_fraction,
        metavar="0..1",
        help="Share of proxies that refuse (NACK) responses.",
    ),
)


def _workers(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isascii() or not text.isdecimal() or int(text) > _MAX_WORKERS:
        raise UsageError(
            f"--workers {text} is no number of processes", fix=f"give 0 to {_MAX_WORKERS}, or auto"
        )
    return int(text)


def _agent_types(text: str) -> tuple[TypeUrl, ...]:
    from pyload.xds.types import NDS, PCDS  # noqa: PLC0415 - fast help

    known = {"nds": NDS, "pcds": PCDS}
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise UsageError(f"--agent-types {name} is not known", fix="choose nds, pcds or both")
    return tuple(known[name] for name in dict.fromkeys(names))


def _rate(rate: float | None) -> float | None:
    if rate is not None and not 0 < rate < float("inf"):
        raise UsageError(
            f"--connect-rate {rate:g} is no rate", fix="give a number above 0, or leave it"
        )
    return rate


def _fraction(flag: str, share: float) -> float:
    if not 0 <= share <= 1:
        raise UsageError(f"{flag} {share:g} is no share", fix="give a number from 0 to 1")
    return share
