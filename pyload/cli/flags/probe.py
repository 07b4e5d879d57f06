"""The flags of probes, for runs whose proxies are the load and that may write to an API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

import click

from pyload.cli.flags.group import GroupOption, flag_group
from pyload.errors import UsageError
from pyload.harness.probe_options import ProbeOptions
from pyload.mesh.changes import Kind

if TYPE_CHECKING:
    from pyload.cli.flags.group import Decorator


class ProbeOption(GroupOption):
    """A flag of probes."""

    title = "Probes"


def probe_flags(context: click.Context) -> ProbeOptions:
    """Read the flags.

    Raises:
        UsageError: A value makes no sense.
    """
    return ProbeOptions.parse(context.params["probe"], kind=context.params["probe_kind"])


probe_options: Final = flag_group(
    "probe",
    probe_flags,
    click.option(
        "--probe",
        cls=ProbeOption,
        default="",
        metavar="TIME",
        help="Measure this often how long a change takes to reach every proxy; none for never.",
    ),
    click.option(
        "--probe-kind",
        cls=ProbeOption,
        type=click.Choice(get_args(Kind)),
        default="ServiceEntry",
        show_default=True,
        metavar="KIND",
        help="What it writes: ServiceEntry, VirtualService, Service or EndpointSlice.",
    ),
)


def no_probes(why: str) -> Decorator:
    """Return a hidden flag that says why a command cannot probe.

    Args:
        why: Why not, as the end of a sentence.
    """

    def refuse(_context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        if value not in (None, "none", "0"):
            raise UsageError(
                f"--probe means nothing here: {why}", fix="probe with `cluster`, or remove it"
            )

    help_text = f"Refused, as {why}."
    return click.option("--probe", hidden=True, expose_value=False, callback=refuse, help=help_text)
