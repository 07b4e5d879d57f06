"""The flags of kwok mode."""

from __future__ import annotations

import pytest

from pyload.cli.cluster import command
from pyload.cli.flags.follow import FollowOption, follow_flags
from pyload.errors import UsageError
from pyload.harness.follow_options import FollowOptions
from pyload.manifests.kwok import Placement
from pyload.pods.shard import Shard


def flags(*arguments: str) -> FollowOptions:
    """Return the flags of a run with these arguments."""
    with command.make_context("cluster", list(arguments)) as context:
        return follow_flags(context)


def test_without_flags_the_options_are_those_of_the_library() -> None:
    """A program and a script that say nothing would follow different pods."""
    assert flags() == FollowOptions()
    assert flags("--cluster-type", "kwok") == FollowOptions()


def test_flags_become_options() -> None:
    """A switch would do nothing."""
    assert flags(
        *("--cluster-type", "kwok", "--dry-run", "--all-nodes", "--node-selector", "a=b"),
        *("--pod-selector", "", "--start-on", "ready", "--shard", "1/4", "--stages", "general"),
        *("--address-map", "a=b,c=d", "--address-map", "c=e"),
        *("--pod-node-selector", "type=fake", "--pod-toleration", "key"),
    ) == FollowOptions(
        dry_run=True,
        all_nodes=True,
        node_selector="a=b",
        pod_selector="",
        start_on="ready",
        shard=Shard(1, 4),
        stages="general",
        addresses={"a": "b", "c": "e"},
        placement=Placement({"type": "fake"}, "key"),
    )


@pytest.mark.parametrize(
    "flag", [one.opts[0] for one in command.params if isinstance(one, FollowOption)]
)
def test_a_flag_without_effect_is_refused(flag: str) -> None:
    """The user would believe that it had one."""
    values = {"--all-nodes": [], "--start-on": ["ip"], "--stages": ["fast"]}

    with pytest.raises(UsageError, match=f"{flag} needs --cluster-type kwok"):
        flags("--cluster-type", "fake", flag, *values.get(flag, ["a=b"]))
