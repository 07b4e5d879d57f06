"""Requests of a run, recorded and made comparable with those of pilot-load."""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from pyload.kube.transport import LineStream, Response, Transport

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
NAMES = re.compile(
    r"\b((?:node|app|mesh|side|plain|amb|ext|vm|gw|edge|waypoint-static)(?:-\d+-\d+)?)"
    r"-[a-z]{8}(?:(-)[a-z]{8})?\b"
)
VOLATILE = frozenset(
    {
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "lastHeartbeatTime",
        "lastTransitionTime",
        "renewTime",
        "startedAt",
        "ip",
        "podIP",
        "clusterIP",
        "address",
    }
)
ADDED = frozenset(
    {
        "pyload.dev/run",
        "pyload.dev/proxy",
        "pyload.dev/started-at",
        "pyload.dev/started-by",
    }
)
"""Labels and annotations of pyload's own; docs/compatibility.md has them."""

DEFAULTED: frozenset[tuple[str, Any]] = frozenset(
    {
        # What the API server had filled in before the request reached its audit log.
        ("protocol", "TCP"),
        ("sessionAffinity", "None"),
        ("internalTrafficPolicy", "Cluster"),
        ("qosClass", "BestEffort"),
        ("kubernetes.io/metadata.name", "mesh"),
        ("kubernetes.io/metadata.name", "mesh-*"),
        ("restartCount", 0),
    }
)


@dataclass(frozen=True)
class Recorded:
    """One request."""

    time: float
    verb: str
    path: str
    code: int
    body: str

    @property
    def key(self) -> tuple[str, str, int]:
        """The request without its body."""
        return self.verb, self.path, self.code


@dataclass
class Recorder:
    """A transport that remembers what went through another one."""

    transport: Transport
    now: Any
    requests: list[Recorded] = field(default_factory=list)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Pass a request on, and remember it with its answer's status."""
        time = self.now()
        response = await self.transport.request(
            method, path, query=query, body=body, content_type=content_type
        )
        verb = VERBS.get(method) or ("list" if "limit" in (query or {}) else "get")
        self.requests.append(
            Recorded(time, verb, anonymous(path), response.status, comparable(body))
        )
        return response

    @contextlib.asynccontextmanager
    async def stream(self, path: str, *, query: Mapping[str, str]) -> AsyncIterator[LineStream]:
        """Pass a watch on, and remember it."""
        time = self.now()
        async with self.transport.stream(path, query=query) as stream:
            self.requests.append(Recorded(time, "watch", anonymous(path), stream.status, ""))
            yield stream

    async def aclose(self) -> None:
        """Close the other transport."""
        await self.transport.aclose()


def read(path: Path) -> list[Recorded]:
    """Read a recording of pilot-load."""
    lines = (json.loads(line) for line in path.read_text().splitlines())
    return [
        Recorded(
            line["t"],
            line["verb"],
            anonymous(line["path"]),
            line["code"],
            comparable(json.dumps(line["body"]).encode() if "body" in line else None),
        )
        for line in lines
    ]


def anonymous(text: str) -> str:
    """Replace random suffixes of names."""
    return NAMES.sub(lambda match: f"{match[1]}-*" + ("-*" if match[2] else ""), text)


def comparable(body: bytes | None) -> str:
    """Return a body without times, addresses and what only zero values or defaults add."""
    if not body:
        return ""
    obj = json.loads(body)
    if obj.get("kind") == "DeleteOptions":
        grace = obj.get("gracePeriodSeconds")
        return "" if grace is None else json.dumps({"gracePeriodSeconds": grace})
    return json.dumps(_strip(obj), sort_keys=True)


def _strip(value: Any) -> Any:
    if isinstance(value, dict):
        pairs = {
            name: "*" if name in VOLATILE else _strip(child)
            for name, child in value.items()
            if name not in ADDED
        }
        # A body that only identifies its object leaves these out; so do typed clients' zeros.
        pairs = {
            name: child
            for name, child in pairs.items()
            if child not in (None, "", {}, []) and (name, _hashable(child)) not in DEFAULTED
        }
        for name in ("resourceVersion", "creationTimestamp", "generation"):
            pairs.pop(name, None)
        if pairs.get("daemonEndpoints") == {"kubeletEndpoint": {"Port": 0}}:
            del pairs["daemonEndpoints"]
        return pairs
    if isinstance(value, list):
        return sorted((_strip(child) for child in value), key=_sort_key)
    return anonymous(value) if isinstance(value, str) else value


def _sort_key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | int) else None


def counted(requests: Iterable[Recorded]) -> Counter[tuple[str, str, int]]:
    """Count requests by verb, path and code."""
    return Counter(request.key for request in requests)


def bodies(requests: Iterable[Recorded]) -> dict[tuple[str, str], set[str]]:
    """Collect the distinct bodies by verb and path, of requests that were carried out."""
    found: dict[tuple[str, str], set[str]] = {}
    for request in requests:
        if request.body and request.code < 400:
            found.setdefault((request.verb, request.path), set()).add(request.body)
    return found
