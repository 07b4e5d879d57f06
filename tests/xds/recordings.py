"""Recorded conversations of real proxies, or of pilot-load, with a real istiod.

A line of a recording is the beginning of a stream, a request or a response; the bytes of the
responses stand in files of their own. Here each becomes an `Entry`, so that a response can be
played to a proxy, and a request compared with the proxy's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from pyload.xds.resources import name_of
from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pyload.kube.resources import Obj


@dataclass(frozen=True)
class Request:
    """One request; SotW's names are in `subscribe`.

    Attributes:
        type: The last part of the type's URL.
        subscribe: Names asked for, sorted: a real Envoy's order is that of its hash table.
        unsubscribe: Names given up, sorted.
        nonce: Of the response that it acknowledges, or in SotW of the last one of its type.
        version: Of the last response of its type, in SotW.
        error: Why it refuses a response.
        node: Whether it carries a node.
        held: Names and versions of the resources held, in the first request of a delta stream.
    """

    type: str
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    nonce: str = ""
    version: str = ""
    error: str = ""
    node: bool = False
    held: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Entry:
    """A request or a response.

    Attributes:
        at: Seconds since its stream began.
        type: The last part of the type's URL.
        request: The request; None for a response.
        nonce: The response's.
        message: The response's bytes.
        names: Names of the response's resources, and of those that it removes.
    """

    at: float
    type: str
    request: Request | None = None
    nonce: str = ""
    message: bytes = b""
    names: frozenset[str] = frozenset()


@dataclass
class RecordedStream:
    """One stream, in the order in which it was seen between the proxy and istiod.

    Attributes:
        metadata: The stream's headers that the proxy chose.
        entries: Requests and responses.
    """

    metadata: dict[str, str]
    entries: list[Entry] = field(default_factory=list)

    @property
    def requests(self) -> list[tuple[int, Request]]:
        """The requests, each with the number of responses that had come before it."""
        after = accumulate(entry.request is None for entry in self.entries)
        return [
            (count, entry.request)
            for count, entry in zip(after, self.entries, strict=True)
            if entry.request is not None
        ]

    @property
    def responses(self) -> list[Entry]:
        """The responses."""
        return [entry for entry in self.entries if entry.request is None]

    @property
    def cut_off(self) -> bool:
        """Whether istiod was gone before it answered."""
        return not self.responses


@dataclass(frozen=True)
class Recording:
    """A proxy's conversation.

    Attributes:
        delta: The variant spoken.
        node: The node of the first request, as JSON.
        streams: One after the other; on some istiod was gone before anything was said.
        dials: Seconds from the first stream's beginning to that of each.
    """

    delta: bool
    node: Obj
    streams: tuple[RecordedStream, ...]
    dials: tuple[float, ...]


def read_recording(golden: Path, name: str) -> Recording:
    """Read a recording."""
    streams: dict[int, RecordedStream] = {}
    began: dict[int, float] = {}
    node: Obj = {}
    delta = False
    folder = golden / "xds" / "raw" / name
    bodies = {path.name: path.read_bytes() for path in sorted(folder.glob("*.pb"))}
    for line in (golden / "xds" / f"{name}.jsonl").read_text().splitlines():
        found: dict[str, Any] = json.loads(line)
        number = found["stream"]
        if found["dir"] == "open":
            streams[number] = RecordedStream(dict(found.get("metadata") or found["headers"]))
            began[number] = found["t"]
            continue
        at = found["t"] - began[number]
        if found["dir"] == "req":
            delta = found["kind"] == "delta"
            node = node or found["node"]
            entry = Entry(at, found["type"], request=_request(found))
        else:
            if "raw" not in found:
                found["raw"] = next(
                    key for key, body in bodies.items() if found["nonce"].encode() in body
                )
            message = bodies[found["raw"]]
            names = frozenset(_names(message, delta=delta))
            entry = Entry(at, found["type"], nonce=found["nonce"], message=message, names=names)
        streams[number].entries.append(entry)
    first = min(began.values())
    dials = tuple(at - first for at in began.values())
    return Recording(delta, node, tuple(streams.values()), dials)


def _request(found: dict[str, Any]) -> Request:
    return Request(
        type=found["type"],
        subscribe=tuple(sorted({*(found.get("names") or found.get("subscribe") or ())})),
        unsubscribe=tuple(sorted(found.get("unsubscribe") or ())),
        nonce=found["nonce"],
        version=found.get("version") or "",
        error=found.get("error") or "",
        node="node" in found,
        held=tuple(sorted((found.get("initial_versions") or {}).items())),
    )


def _names(message: bytes, *, delta: bool) -> Iterable[str]:
    if delta:
        response = discovery_pb2.DeltaDiscoveryResponse.FromString(message)
        return (*(one.name for one in response.resources), *response.removed_resources)
    return map(name_of, discovery_pb2.DiscoveryResponse.FromString(message).resources)


def read_request(message: bytes, *, delta: bool) -> Request:
    """Read a request that a proxy of ours has sent."""
    if delta:
        request = discovery_pb2.DeltaDiscoveryRequest.FromString(message)
        return Request(
            type=_last(request.type_url),
            subscribe=tuple(sorted(request.resource_names_subscribe)),
            unsubscribe=tuple(sorted(request.resource_names_unsubscribe)),
            nonce=request.response_nonce,
            error=request.error_detail.message,
            node=request.HasField("node"),
            held=tuple(sorted(request.initial_resource_versions.items())),
        )
    whole = discovery_pb2.DiscoveryRequest.FromString(message)
    return Request(
        type=_last(whole.type_url),
        subscribe=tuple(sorted(whole.resource_names)),
        nonce=whole.response_nonce,
        version=whole.version_info,
        error=whole.error_detail.message,
        node=whole.HasField("node"),
    )


def _last(type_url: str) -> str:
    return type_url.rpartition(".")[2]
