"""The events that controllers write: what `kubectl describe` and `kubectl get events` show.

They are bounded as those of real controllers are. What repeats is counted in one event; ten
different messages about one object within ten minutes end in one that stands for the others; an
object has 25 events at once and then one every five minutes. Beyond that, all together are written
at a limited rate, so that a run with thousands of pods does not spend its time on them: those
above it are dropped, as a real controller drops what its queue cannot hold.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.deletion import timestamp
from pyload.embedded.apiserver.kinds import EVENT
from pyload.errors import PyloadError
from pyload.kube.resources import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from random import Random

    from pyload.embedded.apiserver.store import Store
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj

COMBINED: Final = "(combined from similar events): "

_SOURCES: Final = 4096
_SIMILAR: Final = 10
_SIMILAR_SECONDS: Final = 600.0
_BURST: Final = 25
_REFILL_SECONDS: Final = 300.0
_ALL_BURST: Final = 200
_ALL_RATE: Final = 10.0
"""Events per second of all objects together, once the first `_ALL_BURST` are written."""


@dataclass(slots=True)
class Bucket:
    """Tokens that come back with time.

    Attributes:
        tokens: Those that are there.
        since: The time at which they were counted.
    """

    tokens: float
    since: float

    def take(self, now: float, *, rate: float, burst: int) -> bool:
        """Remove a token; return whether there was one."""
        self.tokens = min(burst, self.tokens + (now - self.since) * rate)
        self.since = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(slots=True)
class Written:
    """An event that has been written.

    Attributes:
        name: Its name.
        first: When it was first seen, as Kubernetes writes it.
        count: How often it was seen.
    """

    name: str
    first: str
    count: int = 0


@dataclass(slots=True)
class _Similar:
    """The events of one reason about one object."""

    last: float
    written: dict[str, Written] = field(default_factory=dict)


@dataclass(slots=True)
class _Source:
    """What one component has to say of one object."""

    bucket: Bucket
    similar: dict[str, _Similar] = field(default_factory=dict)


class EventCorrelator:
    """Decides which events are written, and which of them only count up another one."""

    def __init__(self) -> None:
        self._sources: OrderedDict[tuple[str, str], _Source] = OrderedDict()
        self._all = Bucket(_ALL_BURST, 0.0)

    def decide(
        self, component: str, uid: str, reason: str, message: str, *, name: str, now: datetime
    ) -> tuple[Written, str] | None:
        """Return the event to write, with its count and text; None to drop it.

        Args:
            component: Who says it.
            uid: UID of the object.
            reason: The reason.
            message: The text.
            name: Name of the event if it is a new one.
            now: The time.
        """
        seconds = now.timestamp()
        source = self._sources.get((component, uid))
        if source is None:
            source = self._sources[component, uid] = _Source(Bucket(_BURST, seconds))
            if len(self._sources) > _SOURCES:
                self._sources.popitem(last=False)
        self._sources.move_to_end((component, uid))
        if not source.bucket.take(seconds, rate=1 / _REFILL_SECONDS, burst=_BURST):
            return None
        if not self._all.take(seconds, rate=_ALL_RATE, burst=_ALL_BURST):
            return None
        similar = source.similar.get(reason)
        if similar is None or seconds - similar.last > _SIMILAR_SECONDS:
            similar = source.similar[reason] = _Similar(seconds)
        similar.last = seconds
        text = shown = message
        if text not in similar.written and len(similar.written) >= _SIMILAR - 1:
            text, shown = COMBINED, COMBINED + message
        written = similar.written.get(text)
        if written is None:
            written = similar.written[text] = Written(name, timestamp(now))
        written.count += 1
        return written, shown


class EventRecorder:
    """Writes events.

    Args:
        store: The objects.
        client: Sends the requests.
        rng: Chooses the ends of names.
        now: Returns the time in UTC.
    """

    def __init__(
        self, store: Store, client: Client, *, rng: Random, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._client = client
        self._rng = rng
        self._now = now
        self._correlator = EventCorrelator()

    async def record(
        self, component: str, obj: Obj, reason: str, message: str, *, warning: bool = False
    ) -> None:
        """Write an event about an object, or count one up; without effect if that fails.

        Args:
            component: Who says it.
            obj: The object.
            reason: The reason, such as ``ScalingReplicaSet``.
            message: The text.
            warning: Whether something is wrong.
        """
        metadata, now = obj["metadata"], self._now()
        decided = self._correlator.decide(
            component,
            metadata["uid"],
            reason,
            message,
            name=f"{metadata['name']}.{self._rng.getrandbits(64):016x}",
            now=now,
        )
        if decided is None:
            return
        written, text = decided
        namespace = metadata.get("namespace") or "default"
        there = written.count > 1 and self._store.get(EVENT, namespace, written.name)
        with contextlib.suppress(PyloadError):
            if there:
                seen = {"count": written.count, "lastTimestamp": timestamp(now), "message": text}
                path = EVENTS.path(namespace, written.name)
                await self._client.write("PUT", path, {**there.obj, **seen})
                return
            event = _event(component, obj, reason, text, warning=warning)
            event["metadata"] = {"name": written.name, "namespace": namespace}
            event |= {"count": written.count, "firstTimestamp": written.first}
            event["lastTimestamp"] = timestamp(now)
            await self._client.write("POST", EVENTS.path(namespace), event)


def _event(component: str, obj: Obj, reason: str, message: str, *, warning: bool) -> Obj:
    metadata = obj["metadata"]
    about = {
        "kind": obj["kind"],
        "apiVersion": obj["apiVersion"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
    }
    if metadata.get("namespace"):
        about["namespace"] = metadata["namespace"]
    return {
        "kind": "Event",
        "apiVersion": "v1",
        "involvedObject": about,
        "reason": reason,
        "message": message,
        "type": "Warning" if warning else "Normal",
        "source": {"component": component},
        "reportingComponent": component,
        "reportingInstance": "",
    }
