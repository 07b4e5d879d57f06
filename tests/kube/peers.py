"""API servers in memory: one that answers as it is told, one that really keeps a collection."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyload.errors import ClusterUnreachable
from pyload.kube.transport import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from pyload.kube.resources import Obj


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a transport got it."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    content_type: str


def answer(status: int, body: object = None, *, retry_after: float | None = None) -> Response:
    """Make an answer with a JSON body."""
    return Response(status, json.dumps({} if body is None else body).encode(), retry_after)


def status(code: int, reason: str = "", message: str = "") -> Obj:
    """Make a Kubernetes Status."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code,
    }


def refused() -> ClusterUnreachable:
    """Make the error of a connection that nobody took."""
    error = ClusterUnreachable("connection refused")
    error.__cause__ = ConnectionRefusedError()
    return error


class Lines:
    """A stream of prepared lines; an error among them breaks it."""

    def __init__(self, status: int, lines: Iterable[bytes | Exception]) -> None:
        self.status = status
        self._lines = lines

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield the lines."""
        for line in self._lines:
            await asyncio.sleep(0)
            if isinstance(line, Exception):
                raise line
            yield line

    async def body(self) -> bytes:
        """Join the lines."""
        return b"".join(line for line in self._lines if isinstance(line, bytes))


class Scripted:
    """Returns prepared answers, one per request, and records the requests."""

    def __init__(self, *answers: Response | Exception | Lines) -> None:
        self.requests: list[Request] = []
        self.times: list[float] = []
        self.delay = 0.0
        self._answers = deque(answers)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Answer a request."""
        decoded = None if body is None else json.loads(body)
        self.requests.append(Request(method, path, dict(query or {}), decoded, content_type))
        self.times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.delay)
        given = self._answers.popleft()
        if isinstance(given, Exception):
            raise given
        assert isinstance(given, Response)
        return given

    @contextlib.asynccontextmanager
    async def stream(self, path: str, *, query: Mapping[str, str]) -> AsyncIterator[Lines]:
        """Answer a watch."""
        self.requests.append(Request("GET", path, dict(query), None, ""))
        given = self._answers.popleft()
        if isinstance(given, Exception):
            raise given
        assert isinstance(given, Lines)
        yield given

    async def aclose(self) -> None:
        """Nothing to close."""


@dataclass(slots=True)
class Fault:
    """Trouble for one request.

    Attributes:
        kind: ``drop`` (no answer, or the stream breaks), ``500``, ``410`` (in a watch: as an
            event), ``end`` (a watch ends as if its time were up).
        after: Lines of a watch that come before.
    """

    kind: str
    after: int = 0


@dataclass(slots=True)
class Collection:
    """A collection of pods that pages, watches and forgets as an API server does.

    Attributes:
        objects: By name.
        faults: What happens to the next requests, one each; None lets one pass.
        page: Objects per page at most, whatever limit was asked for.
        history: Changes that a watch can still begin from.
        streams: Whether a watch may begin with the whole collection.
        silent: Whether watches say nothing, as over a dead connection.
    """

    objects: dict[str, Obj] = field(default_factory=dict)
    faults: deque[Fault | None] = field(default_factory=deque)
    page: int = 500
    history: list[tuple[int, str, Obj]] = field(default_factory=list)
    version: int = 1
    forgotten: int = 0
    bookmarks: bool = False
    streams: bool = True
    silent: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    requests: int = 0
    snapshots: dict[str, tuple[int, list[Obj]]] = field(default_factory=dict)

    def put(self, name: str, value: int) -> None:
        """Create or change an object."""
        kind = "MODIFIED" if name in self.objects else "ADDED"
        self.version += 1
        obj = {
            "metadata": {"name": name, "resourceVersion": str(self.version)},
            "value": value,
        }
        self.objects[name] = obj
        self._happened(kind, obj)

    def remove(self, name: str) -> None:
        """Delete an object, if it is there."""
        obj = self.objects.pop(name, None)
        if obj is not None:
            self.version += 1
            metadata = {**obj["metadata"], "resourceVersion": str(self.version)}
            self._happened("DELETED", {**obj, "metadata": metadata})

    def forget(self) -> None:
        """Compact: old resource versions and continue tokens are gone."""
        self.forgotten = self.version
        self.history.clear()
        self.snapshots.clear()

    def _happened(self, kind: str, obj: Obj) -> None:
        self.history.append((self.version, kind, obj))
        self.changed.set()
        self.changed = asyncio.Event()

    def _fault(self) -> Fault | None:
        self.requests += 1
        return self.faults.popleft() if self.faults else None

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Answer a request."""
        await asyncio.sleep(0.001)
        fault = self._fault()
        if fault is not None and fault.kind == "drop":
            raise ClusterUnreachable("dropped")
        if fault is not None and fault.kind in ("500", "410"):
            return answer(int(fault.kind), status(int(fault.kind)))
        query = query or {}
        version, rest = self.version, list(self.objects.values())
        if "continue" in query:
            if query["continue"] not in self.snapshots:
                return answer(410, status(410, "Expired"))
            version, rest = self.snapshots.pop(query["continue"])
        size = min(self.page, int(query["limit"]))
        metadata = {"resourceVersion": str(version)}
        if len(rest) > size:
            token = f"{version}-{len(rest)}"
            self.snapshots[token] = version, rest[size:]
            metadata["continue"] = token
        return answer(200, {"metadata": metadata, "items": rest[:size]})

    @contextlib.asynccontextmanager
    async def stream(self, path: str, *, query: Mapping[str, str]) -> AsyncIterator[Lines]:
        """Answer a watch."""
        await asyncio.sleep(0.001)
        fault = self._fault()
        if fault is not None and fault.kind == "drop" and not fault.after:
            raise ClusterUnreachable("dropped")
        if fault is not None and fault.kind == "500":
            yield Lines(500, [json.dumps(status(500)).encode()])
            return
        initial = "sendInitialEvents" in query
        if initial and not self.streams:
            yield Lines(422, [json.dumps(status(422, "Invalid")).encode()])
            return
        since = -1 if initial else int(query["resourceVersion"])
        yield Watch(self, since, float(query["timeoutSeconds"]), fault)

    async def aclose(self) -> None:
        """Nothing to close."""


class Watch(Lines):
    """One watch of a `Collection`; since -1 it begins with all objects."""

    def __init__(
        self, collection: Collection, since: int, seconds: float, fault: Fault | None
    ) -> None:
        super().__init__(200, [])
        self._collection = collection
        self._since = since
        self._seconds = seconds
        self._fault = fault

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield changes and bookmarks until the time is up."""
        collection, fault = self._collection, self._fault
        end = asyncio.get_running_loop().time() + self._seconds
        sent = 0
        while collection.silent:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(1)
        initial: deque[bytes] = deque()
        if self._since < 0:
            self._since = collection.version
            initial.extend(_line("ADDED", obj) for obj in collection.objects.values())
            ended = {"k8s.io/initial-events-end": "true"}
            metadata = {"resourceVersion": str(self._since), "annotations": ended}
            initial.append(_line("BOOKMARK", {"kind": "Pod", "metadata": metadata}))
        while True:
            if fault is not None and sent >= fault.after and fault.kind != "500":
                if fault.kind == "drop":
                    raise ClusterUnreachable("dropped")
                if fault.kind == "410":
                    yield _line("ERROR", status(410, "Expired"))
                return
            if initial:
                yield initial.popleft()
                sent += 1
                continue
            if self._since < collection.forgotten:
                yield _line("ERROR", status(410, "Expired"))
                return
            changes = [one for one in collection.history if one[0] > self._since]
            if changes:
                self._since, kind, obj = changes[0]
                yield _line(kind, obj)
                sent += 1
                continue
            try:
                async with asyncio.timeout_at(min(end, asyncio.get_running_loop().time() + 60)):
                    await collection.changed.wait()
            except TimeoutError:
                if asyncio.get_running_loop().time() >= end:
                    return
                newest = collection.history[-1][0] if collection.history else 0
                missed = self._since < max(collection.forgotten, newest)
                if collection.bookmarks and not missed:
                    self._since = collection.version
                    metadata = {"resourceVersion": str(self._since)}
                    yield _line("BOOKMARK", {"kind": "Pod", "metadata": metadata})
                    sent += 1


def _line(kind: str, obj: Obj) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode()
