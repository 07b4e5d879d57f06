"""One version of one object, kept as the JSON that clients read.

A decoded pod takes five times the memory of its JSON, and a mesh has thousands that nobody looks
at. So an object is encoded when it is stored, once for the answer, all watches and all later reads;
it is decoded again when the server itself has to look into it. What was used last stays decoded
(`Recent`): a pod that is created is bound and made to run in the next moment. Labels are at hand
without decoding, because most lists and watches select by them, and equal ones are shared.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Final

import orjson

from pyload.embedded.apiserver.versions import in_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.apiserver.selectors import Selector
    from pyload.kube.resources import Obj

Key = tuple[str, str]
"""Namespace, empty for cluster-scoped kinds, and name."""

RECENT: Final = 128
"""Objects of a store that stay decoded."""


class Recent:
    """The objects that were decoded or stored last.

    Args:
        size: How many there may be.
    """

    __slots__ = ("_entries", "_size")

    def __init__(self, size: int = RECENT) -> None:
        self._size = size
        self._entries: deque[StoredObject] = deque()

    def add(self, entry: StoredObject) -> None:
        """Add an object, and let the oldest one keep nothing but its JSON."""
        self._entries.append(entry)
        if len(self._entries) > self._size:
            self._entries.popleft().forget()


class StoredObject:
    """One version of one object.

    Args:
        key: Namespace and name.
        obj: The object in the version that is stored; not to be changed any more.
        revision: Its resourceVersion.
        recent: The store's objects that stay decoded.

    Attributes:
        key: Namespace and name.
        revision: Its resourceVersion.
        labels: Its labels.
    """

    __slots__ = ("_api_version", "_forms", "_json", "_obj", "_recent", "key", "labels", "revision")

    def __init__(self, key: Key, obj: Obj, revision: int, recent: Recent) -> None:
        self.key = key
        self.revision = revision
        self.labels = _shared(tuple((obj["metadata"].get("labels") or {}).items()))
        self._api_version = intern(obj["apiVersion"])
        self._json = _encode(obj)
        self._recent = recent
        self._obj: Obj | None = obj
        self._forms: dict[str, bytes] | None = None
        recent.add(self)

    @property
    def obj(self) -> Obj:
        """The object in the version that is stored; not to be changed."""
        obj = self._obj
        if obj is None:
            obj = self._obj = orjson.loads(self._json)
            self._recent.add(self)
        return obj

    def matches(self, selector: Selector) -> bool:
        """Return whether the object is selected."""
        if not selector.matches_labels(self.labels):
            return False
        return not selector.fields or selector.matches_fields(self.obj)

    def json(self, api_version: str) -> bytes:
        """Return the encoded object in one version of its kind."""
        if api_version == self._api_version:
            return self._json
        return self._form(api_version)

    def metadata_json(self) -> bytes:
        """Return its encoded metadata, as a PartialObjectMetadata."""
        return self._form("")

    def at(self, revision: int) -> StoredObject:
        """Return the same object under another resourceVersion."""
        metadata = {**self.obj["metadata"], "resourceVersion": str(revision)}
        return StoredObject(self.key, {**self.obj, "metadata": metadata}, revision, self._recent)

    def forget(self) -> None:
        """Keep nothing but the JSON of the version that is stored."""
        self._obj = self._forms = None

    def _form(self, api_version: str) -> bytes:
        """Return it in another version, or its metadata for an empty one; shared while recent."""
        obj = self.obj
        if self._forms is None:
            self._forms = {}
        encoded = self._forms.get(api_version)
        if encoded is None:
            if api_version:
                shown = in_version(obj, api_version)
            else:
                shown = {
                    "kind": "PartialObjectMetadata",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": obj["metadata"],
                }
            encoded = self._forms[api_version] = _encode(shown)
        return encoded


def _encode(obj: Obj) -> bytes:
    # orjson leaves its spare room allocated: 8 KB for a pod of 2 KB. The copy has none.
    return bytes(memoryview(orjson.dumps(obj)))


@lru_cache(maxsize=4096)
def _shared(labels: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return dict(labels)
