"""The flags of ``--cluster-type kwok``, where proxies follow the pods of a cluster."""

from __future__ import annotations

from typing import Final

import click

from pyload.cli.flags.go import GoMap, merged
from pyload.cli.flags.group import GroupOption, flag_group
from pyload.errors import UsageError
from pyload.harness.follow_options import FollowOptions
from pyload.manifests.kwok import Placement
from pyload.pods.shard import Shard

_DEFAULT: Final = FollowOptions()


class FollowOption(GroupOption):
    """A flag of kwok mode."""

    title = "For --cluster-type kwok"


def follow_flags(context: click.Context) -> FollowOptions:
    """Read the flags of a command with ``--cluster-type`` and ``--dry-run``.

    Raises:
        UsageError: A value makes no sense, or a flag would silently be without effect, because
            the type of the cluster is another.
    """
    values = context.params
    if values["cluster_type"] != "kwok":
        _refuse(context)
    return FollowOptions(
        node_selector=values["node_selector"],
        all_nodes=values["all_nodes"],
        pod_selector=values["pod_selector"],
        start_on=values["start_on"],
        shard=Shard.parse(values["shard"]),
        addresses=values["address_map"],
        dry_run=values["dry_run"],
        stages=values["stages"],
        placement=Placement(values["pod_node_selector"], values["pod_toleration"]),
    )


def _refuse(context: click.Context) -> None:
    for option in context.command.params:
        if isinstance(option, FollowOption):
            source = context.get_parameter_source(str(option.name))
            if source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP"):
                raise UsageError(f"{option.opts[0]} needs --cluster-type kwok")


follow_options: Final = flag_group(
    "follow",
    follow_flags,
    click.option(
        "--node-selector",
        cls=FollowOption,
        default=_DEFAULT.node_selector,
        metavar="LABELS",
        help="Labels of the nodes that kwok simulates.",
    ),
    click.option(
        "--all-nodes",
        cls=FollowOption,
        is_flag=True,
        help="Treat every node as one that kwok simulates.",
    ),
    click.option(
        "--pod-selector",
        cls=FollowOption,
        default=_DEFAULT.pod_selector,
        metavar="LABELS",
        help="Follow only pods with these labels; '' for all.",
    ),
    click.option(
        "--start-on",
        cls=FollowOption,
        type=click.Choice(["ip", "ready"]),
        default=_DEFAULT.start_on,
        help="Start proxies as pods get an IP or are ready.",
    ),
    click.option(
        "--shard",
        cls=FollowOption,
        default=str(_DEFAULT.shard),
        metavar="I/N",
        help="Run only the I-th of N shares of the proxies.",
    ),
    click.option(
        "--address-map",
        cls=FollowOption,
        type=GoMap(),
        multiple=True,
        callback=merged,
        metavar="FROM=TO",
        help="Connect to TO where a pod's config says FROM.",
    ),
    click.option(
        "--stages",
        cls=FollowOption,
        type=click.Choice(["fast", "general"]),
        default=_DEFAULT.stages,
        help="Which of kwok's stages --embedded simulates.",
    ),
    click.option(
        "--pod-node-selector",
        cls=FollowOption,
        type=GoMap(),
        default=",".join("=".join(pair) for pair in _DEFAULT.placement.node_selector.items()),
        metavar="K=V,...",
        help="Node selector of the pods that -c creates.",
    ),
    click.option(
        "--pod-toleration",
        cls=FollowOption,
        default=_DEFAULT.placement.toleration,
        metavar="KEY",
        help="Key of the taint that those pods tolerate.",
    ),
)
