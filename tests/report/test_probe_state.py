"""Tests of which proxies are of one kind, and of a probe on its way to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyload.report.probe_state import OpenProbe, ProxyKind, TrackedProxy, kind_key

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Pod:
    """A proxy."""

    labels: Mapping[str, str] | None
    key: str = "key"
    name: str = "name"
    namespace: str = "mesh"
    type: str = "sidecar"


def test_labels_that_controllers_add_make_no_kinds() -> None:
    """One pod of a StatefulSet that gets nothing, while the others do, has been left out."""
    added = {"pod-template-hash": "1", "apps.kubernetes.io/pod-index": "0"}
    assert kind_key(Pod({"app": "db", **added})) == kind_key(Pod({"app": "db"}))
    assert kind_key(Pod({"app": "db"})) != kind_key(Pod({"app": "web"}))
    assert kind_key(Pod(None)) == kind_key(Pod({}))


def test_a_probe_is_over_when_only_silent_kinds_are_left() -> None:
    """Proxies that a Sidecar leaves out must not keep each probe's object for a minute."""
    web, isolated = ProxyKind(size=1), ProxyKind(size=1, silent=True)
    proxy = TrackedProxy(Pod({}), web, 0)
    probe = OpenProbe(1, 0.0, 2, {web: 1, isolated: 1})
    assert probe.waits_for(proxy)
    probe.drop(proxy)
    assert not probe.is_over, "its write is under way"
    probe.written = 0.0
    assert probe.is_over
