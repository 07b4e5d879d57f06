"""Tests of listeners that share the events of a fleet."""

from __future__ import annotations

from pyload.proxies.fleet import NO_EVENTS, FleetEvents, heard_by
from pyload.proxies.spec import ProxySpec
from pyload.xds.types import CDS, Push

SPEC = ProxySpec(key="a", type="sidecar", ip="10.0.0.1", name="a", namespace="mesh")
EVENTS = ("on_configured", "on_stopped", "on_marks", "on_died", "on_push")


class Heard(FleetEvents):
    """Remembers its events."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def on_configured(self, spec: ProxySpec) -> None:
        """Remember it."""
        self.events.append(f"on_configured {spec.key}")

    def on_stopped(self, spec: ProxySpec) -> None:
        """Remember it."""
        self.events.append(f"on_stopped {spec.key}")

    def on_marks(self, spec: ProxySpec, numbers: tuple[int, ...], at: float) -> None:
        """Remember it."""
        self.events.append(f"on_marks {spec.key} {numbers} {at:g}")

    def on_died(self, spec: ProxySpec) -> None:
        """Remember it."""
        self.events.append(f"on_died {spec.key}")

    def on_push(self, spec: ProxySpec, push: Push) -> None:
        """Remember it."""
        self.events.append(f"on_push {spec.key} {push.type_url}")


def test_all_listeners_hear_all_events() -> None:
    """In kwok mode the follower of pods and the probes both live on what they hear."""
    one, other = Heard(), Heard()
    events = heard_by(one, None, other)
    events.on_configured(SPEC)
    events.on_marks(SPEC, (1, 2), 3.0)
    events.on_push(SPEC, Push(CDS, 1, 1, 0, "nonce", "1"))
    events.on_died(SPEC)
    events.on_stopped(SPEC)
    assert one.events == other.events
    assert [event.partition(" ")[0] for event in one.events] == [
        *("on_configured", "on_marks", "on_push", "on_died", "on_stopped"),
    ]


def test_a_single_listener_hears_its_events_directly() -> None:
    """A run without probes pays nothing for those with some."""
    one = Heard()
    assert heard_by(None, one) is one
    assert heard_by(None) is NO_EVENTS


def test_no_event_is_forgotten() -> None:
    """An event that is added later would reach nobody in a run with probes."""
    ours = {name for name in vars(FleetEvents) if name.startswith("on_")}
    assert ours == set(EVENTS)
    assert ours <= set(vars(type(heard_by(Heard(), Heard()))))
