"""The flags that say where the proxies of a run live, and how they behave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from pyload.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.proxies.behavior import ProxyBehavior

OPTIONS: Final = (
    click.Option(
        ["--workers"],
        default="auto",
        metavar="N|auto",
        help="Processes of their own, or 0.  [default: auto]",
    ),
    click.Option(
        ["--connect-rate"], type=float, metavar="N", help="Dials per second.  [default: no limit]"
    ),
    click.Option(
        ["--agent-types"], default="", metavar="nds,pcds", help="Types that agents ask for too."
    ),
    click.Option(
        ["--slow-fraction"],
        type=float,
        default=0.0,
        metavar="0..1",
        help="Share of proxies that read late.",
    ),
    click.Option(
        ["--nack-fraction"],
        type=float,
        default=0.0,
        metavar="0..1",
        help="Share of proxies that refuse responses.",
    ),
)


def with_fleet_options(command: click.Command) -> None:
    """Add the flags to a command."""
    command.params.extend(OPTIONS)


def workers_of(values: Mapping[str, Any]) -> int | None:
    """Read ``--workers``; None leaves it to the number of proxies.

    Raises:
        UsageError: It is no such number.
    """
    text: str = values["workers"]
    if text == "auto":
        return None
    if not text.isascii() or not text.isdecimal() or int(text) > _MOST:
        raise UsageError(
            f"--workers {text} is no number of processes", fix=f"give 0 to {_MOST}, or auto"
        )
    return int(text)


def behavior_of(values: Mapping[str, Any]) -> ProxyBehavior:
    """Read how the proxies behave.

    Raises:
        UsageError: One of the flags makes no sense.
    """
    from pyload.proxies.behavior import ProxyBehavior  # noqa: PLC0415 - fast help
    from pyload.xds.types import NDS, PCDS  # noqa: PLC0415 - fast help

    agent_types = {"nds": NDS, "pcds": PCDS}
    names = [name.strip().lower() for name in values["agent_types"].split(",") if name.strip()]
    for name in names:
        if name not in agent_types:
            raise UsageError(f"--agent-types {name} is not known", fix="choose nds, pcds or both")
    rate = values["connect_rate"]
    if rate is not None and not 0 < rate < float("inf"):
        raise UsageError(
            f"--connect-rate {rate:g} is no rate", fix="give a number above 0, or leave it"
        )
    for key in ("slow_fraction", "nack_fraction"):
        if not 0 <= values[key] <= 1:
            flag = f"--{key.replace('_', '-')}"
            raise UsageError(f"{flag} {values[key]:g} is no share", fix="give a number from 0 to 1")
    return ProxyBehavior(
        agent_types=tuple(agent_types[name] for name in dict.fromkeys(names)),
        connect_rate=rate,
        slow_fraction=values["slow_fraction"],
        nack_fraction=values["nack_fraction"],
    )


_MOST: Final = 1024
