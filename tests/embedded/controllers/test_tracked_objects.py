"""Pods and their owners, indexed."""

from __future__ import annotations

import pytest

from pyload.embedded.controllers.tracked_objects import OwnerIndex, TrackedPod

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


def test_a_collection_knows_names_owners_and_uids() -> None:
    """Pods would be counted for the wrong owner."""
    pods: OwnerIndex[TrackedPod] = OwnerIndex()
    first = TrackedPod(("m", "a"), uid="1", owner="r", version=3)
    pods.put(first)
    pods.put(TrackedPod(("m", "b"), uid="2", owner="r"))
    pods.put(TrackedPod(("m", "a"), uid="1", owner="s", version=4))

    assert len(pods) == 2
    assert pods.names() == [("m", "b"), ("m", "a")]
    assert [pod.uid for pod in pods.owned_by("r")] == ["2"]
    assert pods.owns("s")
    assert not pods.is_news(first)
    assert pods.find("1") == ("m", "a")
    assert pods.remove(("m", "a")) is not None
    assert pods.remove(("m", "a")) is None
    assert (pods.find("1"), pods.owns("s")) == (None, False)
