"""The marks by which runs in one cluster are told apart: a label, two annotations and a Lease.

Every object of a run carries the label `RUN_LABEL`. Its cluster-scoped objects, such as namespaces,
also say in annotations who started the run, and when. While a run lasts it renews a Lease of its
own, so that a run that is under way can be told from what a dead one has left. The Lease names the
addresses of the run's pods and services too, so that the next run keeps off them, and in kwok mode
the pods that the run follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pyload.manifests.objects import RUN_LABEL, bare_object, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.kube.resources import Obj

STARTED_AT: Final = "pyload.dev/started-at"
STARTED_BY: Final = "pyload.dev/started-by"
COMMAND: Final = "pyload.dev/command"
ADDRESSES: Final = "pyload.dev/addresses"
FOLLOWS: Final = "pyload.dev/follows"

RUN_LEASE_NAMESPACE: Final = "default"
"""Every API server has it, even one without controllers, and no run deletes it."""

RUN_LEASE_SECONDS: Final = 60
"""A run whose Lease has not been renewed for this long is dead."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which run objects come from.

    Attributes:
        run_id: Value of the run label.
        started: When the run began, in UTC.
        by: Who started it, as ``user@host``.
        command: Name of the command.
    """

    run_id: str
    started: datetime
    by: str
    command: str = ""

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations of the run's cluster-scoped objects."""
        return {STARTED_AT: timestamp(self.started), STARTED_BY: self.by}


def lease_name(run_id: str) -> str:
    """Return the name of a run's Lease."""
    return f"pyload-{run_id}"


def run_lease(origin: Origin, *, now: datetime, addresses: str = "", follows: str = "") -> Obj:
    """Build the Lease of a run, renewed `now` (UTC).

    Args:
        origin: The run.
        now: The time.
        addresses: First and last address that the run keeps for itself; empty for none.
        follows: The pods of others that the run has proxies for; empty for none.
    """
    obj = bare_object(
        "coordination.k8s.io/v1",
        "Lease",
        lease_name(origin.run_id),
        namespace=RUN_LEASE_NAMESPACE,
        run_id=origin.run_id,
    )
    annotations = {**origin.annotations, COMMAND: origin.command}
    if addresses:
        annotations[ADDRESSES] = addresses
    if follows:
        annotations[FOLLOWS] = follows
    obj["metadata"]["annotations"] = annotations
    obj["spec"] = {
        "holderIdentity": origin.by,
        "leaseDurationSeconds": RUN_LEASE_SECONDS,
        "acquireTime": _micro(origin.started),
        "renewTime": _micro(now),
    }
    return obj


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is known of a run from an object that it has written.

    Attributes:
        run_id: Value of the run label.
        started: When it began, in UTC; None if the object does not say.
        by: Who started it; empty if the object does not say.
        expires: When its Lease is over unless it is renewed; None without a Lease.
        addresses: The addresses that it keeps for itself, as its Lease names them.
        follows: The pods of others that it has proxies for, as its Lease names them.
        created: When the API server created the object; empty if that is not known.
    """

    run_id: str
    started: datetime | None = None
    by: str = ""
    expires: datetime | None = None
    addresses: str = ""
    follows: str = ""
    created: str = ""

    @classmethod
    def read(cls, obj: Obj) -> RunRecord:
        """Read an object with a run label: the run's Lease, or any other."""
        metadata, spec = obj["metadata"], obj.get("spec") or {}
        annotations = metadata.get("annotations") or {}
        run_id = str((metadata.get("labels") or {}).get(RUN_LABEL, ""))
        expires = None
        if is_run_lease(obj):
            renewed = _moment(spec.get("renewTime"))
            seconds = spec.get("leaseDurationSeconds")
            if renewed is not None and isinstance(seconds, int):
                expires = renewed + timedelta(seconds=seconds)
        return cls(
            run_id,
            started=_moment(annotations.get(STARTED_AT) or metadata.get("creationTimestamp")),
            by=str(annotations.get(STARTED_BY, "")),
            expires=expires,
            addresses=str(annotations.get(ADDRESSES, "")),
            follows=str(annotations.get(FOLLOWS, "")),
            created=str(metadata.get("creationTimestamp") or ""),
        )

    def is_live(self, now: datetime) -> bool:
        """Return whether the run is under way, as far as its Lease says."""
        return self.expires is not None and now < self.expires

    def describe(self, now: datetime) -> str:
        """Return the run's name, who started it and when, and whether it is under way."""
        text = f"run {self.run_id}"
        if self.started is not None:
            text += f", started {age(now - self.started)} ago"
            if self.by:
                text += f" by {self.by}"
        if self.expires is None:
            return text
        return text + (", still running" if self.is_live(now) else ", no longer running")


def is_run_lease(obj: Obj) -> bool:
    """Return whether an object is the Lease of a run, and not that of one of its nodes."""
    metadata = obj["metadata"]
    run_id = (metadata.get("labels") or {}).get(RUN_LABEL, "")
    return bool(run_id) and metadata["name"] == lease_name(run_id) and "spec" in obj


def age(span: timedelta) -> str:
    """Write an age as kubectl does: ``45s``, ``12m``, ``5h``, ``3d``."""
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        # Up to two units' worth are written in the next smaller one.
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _micro(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
