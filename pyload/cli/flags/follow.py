"""The flags of `--cluster-type kwok`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from pyload.cli.flags.go import GoDuration, GoMap
from pyload.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.harness.follow_options import FollowOptions

OPTIONS: Final = (
    click.Option(["--node-selector"], default="", metavar="LABELS", help="kwok's nodes, by label."),
    click.Option(["--all-nodes"], is_flag=True, help="Every node is kwok's."),
    click.Option(["--pod-selector"], metavar="LABELS", help="Pods to look at; '' for all."),
    click.Option(
        ["--start-on"],
        type=click.Choice(["ip", "ready"]),
        default="ip",
        help="When a pod's proxy starts.",
    ),
    click.Option(["--shard"], default="0/1", metavar="I/N", help="Run the I-th of N shares."),
    click.Option(
        ["--address-map"],
        type=GoMap(),
        multiple=True,
        metavar="FROM=TO",
        help="Another address for one that pods name.",
    ),
    click.Option(
        ["--wait"],
        default="",
        metavar="connected=N|all",
        help="Fail (exit code 5) unless so many connect.",
    ),
    click.Option(
        ["--timeout"], type=GoDuration(), default="60s", metavar="TIME", help="For --wait."
    ),
    click.Option(
        ["--stages"],
        type=click.Choice(["fast", "general"]),
        default="fast",
        help="How the embedded kwok moves pods on.",
    ),
    click.Option(
        ["--pod-node-selector"],
        type=GoMap(),
        default="type=kwok",
        metavar="K=V,...",
        help="Nodes for the pods of -c.",
    ),
    click.Option(
        ["--pod-toleration"],
        default="kwok.x-k8s.io/node",
        metavar="KEY",
        help="Taint that they tolerate.",
    ),
)


def with_kwok_options(command: click.Command) -> None:
    """Add the flags to a command."""
    command.params.extend(OPTIONS)


def refuse(context: click.Context) -> None:
    """Refuse the flags outside of kwok mode, where they would be silently without effect.

    Raises:
        UsageError: One was given.
    """
    for option in OPTIONS:
        source = context.get_parameter_source(str(option.name))
        if source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP"):
            raise UsageError(f"{option.opts[0]} needs --cluster-type kwok")


def flags_of(values: Mapping[str, Any], *, dry_run: bool) -> FollowOptions:
    """Read the flags.

    Raises:
        UsageError: One of them makes no sense.
    """
    from pyload.harness.follow_options import FollowOptions, WaitCondition  # noqa: PLC0415 - fast help
    from pyload.manifests.kwok import Placement  # noqa: PLC0415
    from pyload.pods.shard import Shard  # noqa: PLC0415

    addresses: dict[str, str] = {}
    for pairs in values["address_map"]:
        addresses.update(pairs)
    return FollowOptions(
        node_selector=values["node_selector"],
        all_nodes=values["all_nodes"],
        pod_selector=values["pod_selector"],
        start_on=values["start_on"],
        shard=Shard.parse(values["shard"]),
        addresses=addresses,
        wait=WaitCondition.parse(values["wait"], values["timeout"].seconds)
        if values["wait"]
        else None,
        dry_run=dry_run,
        stages=values["stages"],
        placement=Placement(values["pod_node_selector"], values["pod_toleration"]),
    )
