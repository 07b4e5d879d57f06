"""Several processes that share the pods of one cluster without talking to each other."""

from __future__ import annotations

import uuid
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import UsageError
from pyload.pods.shard import Shard, fnv1a_64


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0xCBF29CE484222325),
        ("a", 0xAF63DC4C8601EC8C),
        ("foobar", 0x85944171F73967E8),
    ],
)
def test_the_hash_is_the_published_one(text: str, value: int) -> None:
    """A server that shards watches by this hash would send other pods than the shard wants."""
    assert fnv1a_64(text) == value


@given(uid=st.uuids().map(str) | st.text(), count=st.integers(1, 1000))
def test_every_pod_is_in_exactly_one_shard(uid: str, count: int) -> None:
    """A pod in two shards would have two proxies, one in none would have none."""
    owners = [index for index in range(count) if Shard(index, count).owns(uid)]

    assert len(owners) == 1


def test_shards_are_about_equal() -> None:
    """One process would run all proxies while the others idle."""
    rng = Random(1)
    uids = [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(8000)]
    sizes = [sum(map(Shard(index, 4).owns, uids)) for index in range(4)]

    assert all(1850 < size < 2150 for size in sizes), sizes


@pytest.mark.parametrize(("text", "shard"), [("0/1", Shard()), (" 3/4 ", Shard(3, 4))])
def test_a_shard_is_written_as_index_and_count(text: str, shard: Shard) -> None:
    """An Indexed Job passes its completion index on as it is."""
    assert Shard.parse(text) == shard
    assert str(shard) == text.strip()


@pytest.mark.parametrize(
    "text", ["", "1", "1/", "/2", "a/b", "-1/2", "1/2/3", "1.0/2", "4/4", "0/0"]
)
def test_a_shard_that_makes_no_sense_is_refused(text: str) -> None:
    """A shard beyond the last one would run nothing, without a word."""
    with pytest.raises(UsageError, match="--shard"):
        Shard.parse(text)
