"""Pods and their owners as the cluster's state keeps them, indexed by owner.

Of a pod only a few fields are kept; the stages read the rest from the object when they need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from pyload.kube.resources import has_condition

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

Key = tuple[str, str]
"""Namespace and name."""

TRACKING: Final = "batch.kubernetes.io/job-tracking"
DONE: Final = frozenset(("Succeeded", "Failed"))

_METADATA: Final = (
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "labels",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "uid",
)
_SPEC: Final = (
    "affinity",
    "hostNetwork",
    "nodeName",
    "nodeSelector",
    "readinessGates",
    "schedulerName",
    "tolerations",
)
_CONTAINER: Final = ("name", "image", "restartPolicy")


@dataclass(slots=True)
class TrackedPod:
    """A pod with the fields that decisions need.

    Attributes:
        key: Namespace and name.
        uid: UID; empty while the pod is being created.
        version: Its resourceVersion as a number.
        owner: UID of the controller that owns it, or empty.
        node: Name of its node, or empty.
        phase: ``Pending``, ``Running``, and so on.
        ready: Whether it is ready.
        terminating: Whether its deletion has begun.
        tracked: Whether it has the finalizer of the Job controller.
        created: Its creationTimestamp.
    """

    key: Key
    uid: str = ""
    version: int = 0
    owner: str = ""
    node: str = ""
    phase: str = "Pending"
    ready: bool = False
    terminating: bool = False
    tracked: bool = False
    created: str = "9999"

    @classmethod
    def read(cls, obj: Obj) -> TrackedPod:
        """Read a pod object."""
        metadata = obj["metadata"]
        phase = (obj.get("status") or {}).get("phase") or "Pending"
        return cls(
            key=key_of(obj),
            uid=metadata["uid"],
            version=int(metadata["resourceVersion"]),
            owner=(controller_of(obj) or {}).get("uid", ""),
            node=obj["spec"].get("nodeName") or "",
            phase=phase,
            ready=phase == "Running" and has_condition(obj),
            terminating=bool(metadata.get("deletionTimestamp")),
            tracked=TRACKING in (metadata.get("finalizers") or ()),
            created=metadata.get("creationTimestamp") or "",
        )

    @property
    def active(self) -> bool:
        """Whether it counts as one of its owner's replicas."""
        return not self.terminating and self.phase not in DONE

    @property
    def place(self) -> str:
        """The node on which it counts, or empty."""
        return "" if self.phase in DONE else self.node


@dataclass(slots=True)
class TrackedWorkload:
    """A Deployment, ReplicaSet or Job.

    Attributes:
        key: Namespace and name.
        uid: UID.
        version: Its resourceVersion as a number.
        owner: UID of the controller that owns it, or empty.
        obj: The object without its managedFields.
    """

    key: Key
    uid: str
    version: int
    owner: str
    obj: Obj

    @classmethod
    def read(cls, obj: Obj) -> TrackedWorkload:
        """Wrap an object."""
        metadata = obj["metadata"]
        return cls(
            key=key_of(obj),
            uid=metadata["uid"],
            version=int(metadata["resourceVersion"]),
            owner=(controller_of(obj) or {}).get("uid", ""),
            obj=obj,
        )


class Tracked(Protocol):
    """The fields that an `OwnerIndex` needs of its members."""

    key: Key
    uid: str
    version: int
    owner: str


R = TypeVar("R", bound=Tracked)


class OwnerIndex(Generic[R]):
    """Records of one kind, by name and by owner."""

    def __init__(self) -> None:
        self._records: dict[Key, R] = {}
        self._owned: dict[str, dict[Key, R]] = {}
        self._uids: dict[str, Key] = {}

    def __len__(self) -> int:
        return len(self._records)

    def names(self) -> list[Key]:
        """List all keys."""
        return list(self._records)

    def get(self, key: Key) -> R | None:
        """Return the object of this key, or None."""
        return self._records.get(key)

    def find(self, uid: str) -> Key | None:
        """Return the key of the object with this UID, or None."""
        return self._uids.get(uid)

    def owned_by(self, uid: str) -> list[R]:
        """List the objects of one owner."""
        return list(self._owned.get(uid, {}).values())

    def owns(self, uid: str) -> bool:
        """Return whether an owner has any object."""
        return uid in self._owned

    def is_news(self, record: R) -> bool:
        """Return whether an object is not older than the known one of its key."""
        old = self._records.get(record.key)
        return old is None or old.uid != record.uid or old.version <= record.version

    def put(self, record: R) -> None:
        """Add or replace an object."""
        self.remove(record.key)
        self._records[record.key] = record
        self._uids[record.uid] = record.key
        if record.owner:
            self._owned.setdefault(record.owner, {})[record.key] = record

    def remove(self, key: Key) -> R | None:
        """Remove and return the object of this key, or None."""
        old = self._records.pop(key, None)
        if old is None:
            return None
        self._uids.pop(old.uid, None)
        if old.owner:
            siblings = self._owned[old.owner]
            del siblings[key]
            if not siblings:
                del self._owned[old.owner]
        return old


def key_of(obj: Obj) -> Key:
    """Return an object's namespace and name."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def controller_of(obj: Obj) -> Obj | None:
    """Find the reference to the controller that owns an object."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            found: Obj = owner
            return found
    return None


def project_pod(obj: Obj) -> Obj:
    """Reduce a pod to the fields that stages, scheduler and controllers read."""
    metadata, spec = obj["metadata"], obj["spec"]
    kept = {name: spec[name] for name in _SPEC if name in spec}
    for field in ("containers", "initContainers"):
        if field in spec:
            kept[field] = [
                {name: one[name] for name in _CONTAINER if name in one} for one in spec[field]
            ]
    return {
        "metadata": {name: metadata[name] for name in _METADATA if name in metadata},
        "spec": kept,
        "status": obj.get("status") or {},
    }


def drop_managed_fields(obj: Obj) -> Obj:
    """Remove managedFields, which nothing here reads."""
    obj["metadata"].pop("managedFields", None)
    return obj
