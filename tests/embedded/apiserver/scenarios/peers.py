"""Calls of an API server, and the servers that are compared by what they answer.

A call names no version or UID that only one server knows. In their place stand texts with a `@`,
which each server's peer replaces by what it saw of the object before: ``@current``, ``@stale`` (the
version that was seen first), ``@uid``, and ``@mark`` for the version of a list.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.embedded.apiserver.handler import RequestHandler
from pyload.embedded.apiserver.requests import Reply, read_request
from pyload.embedded.apiserver.sources import Sources
from pyload.embedded.apiserver.watch_plan import WatchPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyload.kube.resources import Obj

JSON: Final = "application/json"
MERGE: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"

UNKNOWN: Final = "4000000"
"""A version in place of one that nobody has seen."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A kind whose objects are flat: all that a client sets is in one map.

    Attributes:
        plural: Name in paths.
        kind: Name in objects.
        group: API group; empty for the core group.
        content: The field with that map.
        values: What its fields may be.
        wrong: What they may not be; empty where nothing is refused.
        namespaced: Whether the objects live in namespaces.
        custom: Whether a definition defines it, with a status, a scale and a generation.
        creates_on_update: Whether a PUT creates what is not there.
        unconditional: Whether a PUT needs no version.
    """

    plural: str
    kind: str
    group: str
    content: str
    values: Mapping[str, tuple[Any, ...]]
    wrong: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    namespaced: bool = True
    custom: bool = False
    creates_on_update: bool = False
    unconditional: bool = True

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def qualified(self) -> str:
        """The plural with its group, as messages have it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the path of a collection, an object or a subresource."""
        parts = [f"/apis/{self.api_version}" if self.group else "/api/v1"]
        if namespace and self.namespaced:
            parts.append(f"namespaces/{namespace}")
        return "/".join([*parts, self.plural, *filter(None, (name, subresource))])


MAPS: Final = Sample(
    "configmaps", "ConfigMap", "", "data", {"a": ("1", "2"), "b": ("1", "2"), "c": ("", "x")}
)
LEASES: Final = Sample(
    *("leases", "Lease", "coordination.k8s.io", "spec"),
    {"holderIdentity": ("me", "you"), "leaseDurationSeconds": (1, 2)},
    creates_on_update=True,
    unconditional=False,
)
WIDGETS: Final = Sample(
    *("widgets", "Widget", "pyload.example.com", "spec"),
    {"a": ("1", "2"), "b": ("1", "2"), "size": (0, 1, 2)},
    wrong={"a": (1, "long"), "size": ("1", -1)},
    custom=True,
    unconditional=False,
)
SPACES: Final = Sample("namespaces", "Namespace", "", "data", {}, namespaced=False)
"""Namespaces, of whose spec nothing is compared."""

_WIDGET: Final[Obj] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "a": {"type": "string", "maxLength": 3},
                "b": {"type": "string", "default": "0"},
                "size": {"type": "integer", "minimum": 0},
            },
        },
        "status": {
            "type": "object",
            "properties": {"phase": {"type": "string"}, "size": {"type": "integer"}},
        },
    },
}
DEFINITION: Final[Obj] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": WIDGETS.qualified},
    "spec": {
        "group": WIDGETS.group,
        "scope": "Namespaced",
        "names": {"plural": WIDGETS.plural, "kind": WIDGETS.kind},
        "versions": [
            {
                "name": name,
                "served": True,
                "storage": name == "v1",
                "schema": {"openAPIV3Schema": _WIDGET},
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.size",
                        "statusReplicasPath": ".status.size",
                    },
                },
            }
            for name in ("v1", "v1beta1")
        ],
    },
}
"""Defines widgets."""
DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True, slots=True, repr=False)
class Call:
    """One request.

    Attributes:
        method: HTTP method.
        sample: The kind.
        namespace: Namespace, or empty.
        name: Name, or empty for the collection.
        subresource: What below the object, or empty.
        body: The body before it is encoded; None for no body.
        media: Its media type.
        query: Query parameters.
    """

    method: str
    sample: Sample
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    body: Any = None
    media: str = JSON
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path of the request."""
        return self.sample.path(self.namespace, self.name, self.subresource)

    def __repr__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        kind = "" if self.media == JSON else f" {self.media}"
        body = "" if self.body is None else f"{kind} {self.body}"
        return f"{self.method} {self.path}{query and '?' + query}{body}"

    @property
    def key(self) -> tuple[str, str, str]:
        """The object that it is about."""
        return self.sample.plural, self.namespace, self.name


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answers.

    Attributes:
        code: HTTP status code.
        body: The decoded body; of a watch, the list of its events.
    """

    code: int
    body: Any


class Peer(ABC):
    """A server that is compared with another.

    Attributes:
        mark: Version of the list that was made last.
    """

    def __init__(self) -> None:
        self.mark = "1"
        self._seen: dict[tuple[str, str, str], list[Obj]] = {}

    def clear(self) -> None:
        """Forget all versions that were seen."""
        self._seen.clear()

    @abstractmethod
    def exchange(self, call: Call) -> Answer:
        """Send a call in which nothing stands for anything else."""

    def settle(self) -> None:  # noqa: B027 - the model has no controllers
        """Let the server's controllers do what they have to do."""

    def send(self, call: Call) -> Answer:
        """Send a call, and remember the versions in its answer."""
        answer = self.exchange(self._resolved(call))
        metadata = answer.body.get("metadata") if isinstance(answer.body, dict) else None
        if isinstance(metadata, dict) and metadata.get("uid") and not call.query.get("dryRun"):
            self._seen.setdefault((*call.key[:2], metadata["name"]), []).append(metadata)
        return answer

    def _resolved(self, call: Call) -> Call:
        text = orjson.dumps([call.body, dict(call.query)]).decode()
        if "@" not in text:
            return call
        known = self._seen.get(call.key) or [{}]
        if "@current" in text:
            # What deletes and controllers change is in no answer.
            now = self.exchange(replace(call, method="GET", body=None, subresource="", query={}))
            metadata = now.body.get("metadata") or {}
            text = text.replace("@current", metadata.get("resourceVersion") or UNKNOWN)
        text = text.replace("@stale", known[0].get("resourceVersion") or UNKNOWN)
        text = text.replace("@uid", known[-1].get("uid") or "nobody")
        body, query = orjson.loads(text.replace("@mark", self.mark))
        return replace(call, body=body, query=query)


class Embedded(Peer):
    """The embedded API server, without sockets, tasks or real time.

    Args:
        history: Events kept per kind.

    Attributes:
        handler: Answers requests.
        now: Its time.
    """

    def __init__(self, *, history: int = 4096) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 2, tzinfo=UTC)
        self._later: list[Callable[[], None]] = []
        uids = count(1)
        sources = Sources(
            now=lambda: self.now,
            new_uid=lambda: f"00000000-0000-0000-0000-{next(uids):012}",
            later=lambda _, action: self._later.append(action),
            key=bytes(32),
            rng=Random(1),
            admit=lambda _, obj: obj,
        )
        self.handler = RequestHandler(sources, history=history)

    def exchange(self, call: Call) -> Answer:
        """Answer at once."""
        raw = None if call.body is None else orjson.dumps(call.body)
        code, body = self.raw(call.method, call.path, dict(call.query), raw, call.media)
        if call.query.get("watch"):
            return Answer(code, [orjson.loads(line) for line in body.splitlines()])
        return Answer(code, orjson.loads(body))

    def raw(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        raw: bytes | None,
        media: str = JSON,
        *,
        accept: str = "",
    ) -> tuple[int, bytes]:
        """Return the code and the body of an answer; of a watch, the lines that it begins with."""
        self.now += timedelta(seconds=1)
        asked = read_request(
            method, path, query, raw, media, kinds=self.handler.kinds, accept=accept
        )
        answer = self.handler.handle(asked, asked.target)
        if isinstance(answer, WatchPlan):
            return 200, b"".join(answer.initial)
        assert isinstance(answer, Reply), "nobody registers a webhook here"
        return answer.status, answer.body

    def settle(self) -> None:
        """Run the controllers until nothing is left for them to do."""
        while self._later:
            action = self._later.pop(0)
            action()
