"""``pyload dump``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from pyload.cli.command import Command
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.go import GoDuration
from pyload.cli.flags.mesh import embedded_config_option, loaded_mesh
from pyload.cli.flags.run import embedded_option
from pyload.cli.run import run_and_report

if TYPE_CHECKING:
    from pyload.commands.dump.envoy_files import Format


@click.command(
    cls=Command,
    epilog="Example:\n  pyload dump --pod web-0 --namespace shop --out web -p localhost:15012",
)
@click.option(
    "--pod", default="", metavar="NAME", help="Pod whose configuration to dump.  [required]"
)
@click.option(
    "-n", "--namespace", default="", metavar="NAME", help="Namespace of the pod.  [the context's]"
)
@embedded_option
@embedded_config_option
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="",
    metavar="DIR",
    help="Write the files to this folder.  [default: print them]",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="Format of the files.",
)
@click.option(
    "--timeout",
    type=GoDuration(),
    default="30s",
    metavar="TIME",
    show_default=True,
    help="Wait at most this long for all of it.",
)
@pass_settings
def command(
    settings: Settings,
    *,
    pod: str,
    namespace: str,
    embedded: bool,
    config: str,
    out: str,
    kind: Format,
    timeout: float,
) -> int:
    """Write the xDS configuration of a pod's proxy, for Envoy to start from or to be compared."""
    from pyload.commands.dump.command import DumpOptions, run_dump  # noqa: PLC0415 - fast help
    from pyload.harness.servers import own_namespace  # noqa: PLC0415

    if pod and not namespace and not embedded:
        namespace = own_namespace(settings.connection)
    options = DumpOptions(
        pod=pod,
        namespace=namespace,
        out=out,
        format=kind,
        timeout=timeout,
        embedded=embedded,
        loaded=loaded_mesh(config, settings),
        connection=settings.connection,
    )
    return run_and_report(
        partial(run_dump, options, write=partial(click.echo, nl=False)),
        settings.log if out else settings.log.beside_data(),
        data_on_stdout=True,
    )
