"""``pyload isolated``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pyload.cli.called_as import is_pilot_load
from pyload.cli.command import Command
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.go import GoBool
from pyload.cli.flags.mesh import config_option, loaded_mesh
from pyload.cli.flags.probe import probe_options
from pyload.cli.flags.profile import profile_options
from pyload.cli.flags.run import duration_option, seed_option, serving_run_options
from pyload.cli.flags.start import StartOption, serving_start_options
from pyload.cli.run import run_and_report
from pyload.errors import UsageError

if TYPE_CHECKING:
    from pyload.harness.probe_options import ProbeOptions
    from pyload.harness.start_options import StartOptions

PILOT_LOAD_LISTEN: Final = "0.0.0.0:15010"


@click.command(
    cls=Command,
    epilog=(
        "Examples:\n"
        "  pyload isolated -c mesh.yaml --shortCircuit\n"
        "  pyload isolated --apiserver-only --kubeconfig-out kubeconfig"
    ),
)
@config_option
@click.option(
    "-r",
    "--raw-config",
    type=click.Path(allow_dash=True),
    default="",
    metavar="FILE",
    help="Serve these captured objects, if there is no -c.",
)
@click.option(
    "-s",
    "--shortCircuit",
    "short_circuit",
    type=GoBool(),
    default=False,
    help="End once every proxy has its configuration.",
)
@click.option(
    "--listen",
    default="",
    metavar="HOST:PORT",
    help="Serve xDS here.  [default: 127.0.0.1:15010]",
)
@click.option("--tls", is_flag=True, help="Serve with TLS, and ask for tokens.")
@click.option("--apiserver-only", is_flag=True, help="Serve an API server only, at --listen.")
@click.option(
    "--kubeconfig-out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a kubeconfig of the API server.",
)
@duration_option
@seed_option
@serving_run_options
@probe_options
@serving_start_options
@profile_options()
@pass_settings
def command(
    settings: Settings,
    *,
    config: str,
    raw_config: str,
    short_circuit: bool,
    listen: str,
    tls: bool,
    apiserver_only: bool,
    kubeconfig_out: Path | None,
    duration: float | None,
    seed: int | None,
    run: dict[str, Any],
    probe: ProbeOptions,
    start: StartOptions,
) -> int:
    """Serve a mesh over xDS from this process, without Kubernetes; it is not istiod."""
    from pyload.commands.isolated import IsolatedOptions, run_isolated  # noqa: PLC0415 - fast help

    if not apiserver_only and is_pilot_load(click.get_current_context()):
        listen = listen or PILOT_LOAD_LISTEN
    _refuse_start_flags(short_circuit=short_circuit, apiserver_only=apiserver_only)
    options = IsolatedOptions(
        loaded=loaded_mesh(config, settings),
        raw=raw_config,
        short_circuit=short_circuit,
        listen=listen,
        tls=tls,
        apiserver_only=apiserver_only,
        kubeconfig_out=kubeconfig_out,
        duration=duration,
        seed=seed,
        connection=settings.connection,
        probe=probe,
        start=start,
        **run,
    )
    return run_and_report(partial(run_isolated, options), settings.log)


def _refuse_start_flags(*, short_circuit: bool, apiserver_only: bool) -> None:
    """Refuse the flags of the start-up where it is not waited for."""
    if short_circuit:
        why = "--shortCircuit ends the run once all proxies are configured"
    elif apiserver_only:
        why = "--apiserver-only runs no proxies"
    else:
        return
    context = click.get_current_context()
    for option in context.command.params:
        source = context.get_parameter_source(str(option.name))
        if isinstance(option, StartOption) and source is not None and source.name != "DEFAULT":
            raise UsageError(f"{option.opts[0]} means nothing here: {why}", fix="remove one")
