"""``pyload doctor``."""

from __future__ import annotations

import json
from dataclasses import replace

import click

from pyload.cli.command import Command
from pyload.cli.flags.globals import Settings, pass_settings, words
from pyload.cli.flags.go import GoInt
from pyload.cli.flags.mesh import cluster_type_option
from pyload.cli.logs import set_up
from pyload.errors import UsageError
from pyload.harness.rights import RIGHTS


@click.command(
    cls=Command,
    epilog=(
        "Examples:\n"
        "  pyload doctor --proxies 10000\n"
        "  pyload doctor --for cluster --cluster-type kwok -p localhost:15010"
    ),
)
@click.option(
    "--for",
    "command_name",
    type=click.Choice([one for one in sorted(RIGHTS) if " " not in one]),
    default="cluster",
    show_default=True,
    metavar="COMMAND",
    help="Check what this command needs.",
)
@cluster_type_option
@click.option(
    "--proxies",
    type=GoInt(),
    metavar="N",
    help="Fail if this machine does not hold so many.  [default: warn for 1000]",
)
@click.option(
    "-o",
    "--output",
    default="text",
    shell_complete=words("text", "json"),
    metavar="text|json",
    help="Form of the findings.",
)
@click.option("--embedded", is_flag=True, help="Try it on the built-in servers.")
@pass_settings
def command(
    settings: Settings,
    *,
    command_name: str,
    cluster_type: str,
    proxies: int | None,
    output: str,
    embedded: bool,
) -> int:
    """Find out what would keep a run from working, and how to mend it.

    Looks at the kubeconfig, your permissions, the nodes, kwok, the control plane and this machine.
    Writes nothing; the control plane sees nine sidecars for a moment.
    """
    from pyload.commands.doctor.command import DoctorOptions, run_doctor  # noqa: PLC0415 - fast help
    from pyload.commands.doctor.findings import exit_code, to_json, to_text  # noqa: PLC0415
    from pyload.mesh.cluster_types import cluster_type_of  # noqa: PLC0415
    from pyload.tasks import run  # noqa: PLC0415

    if output not in ("text", "json"):
        raise UsageError(f"--output {output} is not supported", fix="choose text or json")
    type_ = cluster_type_of(cluster_type)
    if type_ != "fake-node":
        if command_name != "cluster":
            raise UsageError("--cluster-type is for --for cluster", fix="leave it out")
        command_name = f"cluster --cluster-type {type_}"
    options = DoctorOptions(
        command=command_name, proxies=proxies, embedded=embedded, connection=settings.connection
    )
    # What log lines would say is among the findings.
    levels = settings.log.output_level or "none"
    set_up(replace(settings.log, output_level=levels).beside_data())
    sections = run(run_doctor(options))
    click.echo(json.dumps(to_json(sections), indent=2) if output == "json" else to_text(sections))
    return exit_code(sections)
