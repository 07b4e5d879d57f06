"""What a run in kwok mode says about itself in its Lease."""

from __future__ import annotations

import pytest

from pyload.harness.follow_options import FollowOptions, follow_the_same
from pyload.pods.shard import Shard

ALL = FollowOptions()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (ALL, ALL, True),
        (ALL, FollowOptions(start_on="ready"), True),
        (ALL, FollowOptions(all_nodes=True), False),
        (ALL, FollowOptions(pod_selector=""), False),
        (ALL, FollowOptions(addresses={"a:1": "b:1"}), False),
        (FollowOptions(shard=Shard(0, 3)), FollowOptions(shard=Shard(2, 3)), False),
        (FollowOptions(shard=Shard(0, 2)), FollowOptions(shard=Shard(1, 3)), True),
        (FollowOptions(shard=Shard(0, 2)), FollowOptions(shard=Shard(2, 3)), False),
    ],
)
def test_runs_with_pods_in_common(
    one: FollowOptions, other: FollowOptions, *, expected: bool
) -> None:
    """The shards of one job would warn of each other, or a second job would not."""
    assert follow_the_same(one.selection(""), other.selection("")) is expected
    assert follow_the_same(other.selection(""), one.selection("")) is expected


def test_another_control_plane_is_another_test() -> None:
    """Who compares two istiods follows the same pods twice, and means it."""
    assert not follow_the_same(ALL.selection("a:15010"), ALL.selection("b:15010"))


@pytest.mark.parametrize("text", ["", "{}", "3", '["0/0"]', '["0/1"]', "[]", "[1]"])
def test_what_another_version_says_is_nothing(text: str) -> None:
    """A run must not fail because of the Lease of another."""
    assert not follow_the_same(text, ALL.selection(""))
