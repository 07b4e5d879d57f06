"""Which objects of an API server are a run's own, and so its to delete.

An object is a run's own if the run has created it, which shows in the run label, or if it is in a
namespace of the run, with which it will go anyway. One with the label of another run is refused, as
that run may be under way: only a run that adopts takes it over. Any other object that was there
before is somebody else's. It is written, as pilot-load does, but it keeps its owner's metadata,
never gets the run label, and is never deleted.

The decision is made from the object as it was right before the write, and is remembered: after
the first write the object looks as if the run had made it.

A write that fails without a clear answer may have been carried out or not. Its object
stays in the ledger as *uncertain*, and before it is deleted it is looked at once more: somebody
else may have created one of that name in the meantime.

Nothing here asks a server. `pyload.mesh.writer` does, and reports what it finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.errors import UsageError
from pyload.kube.decision import Create, Decision, Leave, Replace
from pyload.kube.resources import NAMESPACES
from pyload.manifests.objects import RUN_LABEL
from pyload.manifests.runs import STARTED_AT, STARTED_BY
from pyload.mesh.ledger import Entry

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from pyload.mesh.ledger import Ledger


class Ownership:
    """Decides what may be written over and deleted.

    Args:
        ledger: The run's own objects; kept up to date by this.
        run_id: Value of the run label.
        adopts: Whether objects of other runs are taken over.
    """

    def __init__(self, ledger: Ledger, *, run_id: str = "", adopts: bool = False) -> None:
        self._ledger = ledger
        self._run_id = run_id
        self._adopts = adopts
        self._not_ours: set[Entry] = set()
        # Entries whose last write may or may not have been carried out, and the run's name.
        self._uncertain: dict[Entry, str] = {}

    def decide(self, entry: Entry, obj: Obj, before: Obj | None) -> Decision:
        """Decide how to write an object; nothing changes before `begin`.

        Args:
            entry: Entry of the object.
            obj: The object.
            before: The object of that name that is there, if there is one.

        Raises:
            UsageError: The object that is there belongs to another run.
        """
        if before is None:
            return Create(obj)
        if entry.resource == NAMESPACES and is_going(before):
            # Objects that were put into it now would be refused, or go with it.
            return Leave(before)
        if self.owns(entry, before):
            return Replace(obj, before)
        return Replace(merged(obj, before), before, ours=False)

    def owns(self, entry: Entry, existing: Obj) -> bool:
        """Return whether an object that is there is the run's to delete.

        One that is being deleted counts as the run's: the next one of its name will be.

        Raises:
            UsageError: It belongs to another run.
        """
        if entry in self._not_ours:
            return False
        if is_going(existing) or self.is_inside(entry):
            return True
        run_id = run_of(existing)
        if run_id and run_id != self._run_id and not self._adopts:
            # Most are found before the first write; this one has come since.
            raise UsageError(
                f"{entry} belongs to run {run_id}",
                fix="give one of the runs a --name-prefix, or run one after the other",
            )
        return bool(run_id)

    def is_inside(self, entry: Entry) -> bool:
        """Return whether an object is in a namespace of the run."""
        return Entry(NAMESPACES, "", entry.namespace) in self._ledger

    def is_not_ours(self, entry: Entry) -> bool:
        """Return whether an object is known to be somebody else's."""
        return entry in self._not_ours

    def begin(self, entry: Entry, decision: Decision) -> bool:
        """Record that a decision is about to be carried out.

        Returns:
            Whether the object has just turned out to be somebody else's.
        """
        match decision:
            case Create():
                self._not_ours.discard(entry)
                self._ledger.open(entry)
            case Replace(ours=True):
                self._ledger.open(entry)
            case Replace(ours=False):
                return self.disown(entry)
        return False

    def disown(self, entry: Entry) -> bool:
        """Record that an object is somebody else's, and return whether that is news."""
        news = entry not in self._not_ours
        self._not_ours.add(entry)
        self._ledger.close(entry)
        return news

    def succeeded(self, entry: Entry) -> None:
        """Record that a write was carried out."""
        self._uncertain.pop(entry, None)

    def failed(self, entry: Entry, obj: Obj, *, refused: bool, known: bool) -> None:
        """Record that a write failed.

        Args:
            entry: The object's entry.
            obj: The object.
            refused: Whether the server has looked at the write and did not carry it out.
            known: Whether the object was in the ledger before this write.
        """
        if entry not in self._ledger or (known and entry not in self._uncertain):
            return
        if not refused:
            self._uncertain[entry] = run_of(obj)
        elif not known:
            self._ledger.close(entry)

    def is_uncertain(self, entry: Entry) -> bool:
        """Return whether the object has to be looked at before it is deleted."""
        return entry in self._uncertain

    def verify(self, entry: Entry, found: Obj | None) -> bool:
        """Return whether an uncertain object is the run's; if not, forget it.

        Args:
            entry: The object's entry.
            found: The object of that name that is there, if there is one.
        """
        ours = found is not None and run_of(found) == self._uncertain[entry]
        if not ours:
            self._ledger.close(entry)
        return ours


def run_of(obj: Obj) -> str:
    """Return the name of the run that an object belongs to; empty for somebody else's."""
    return str(((obj.get("metadata") or {}).get("labels") or {}).get(RUN_LABEL, ""))


def is_going(obj: Obj) -> bool:
    """Return whether an object is being deleted."""
    return bool((obj.get("metadata") or {}).get("deletionTimestamp"))


def unlabelled(obj: Obj) -> Obj:
    """Return an object without the marks by which cleanup finds what it may delete."""
    metadata = obj["metadata"]
    labels = {key: text for key, text in metadata["labels"].items() if key != RUN_LABEL}
    bare = {**metadata, "labels": labels}
    if "annotations" in metadata:
        marks = (STARTED_AT, STARTED_BY)
        kept = {key: text for key, text in metadata["annotations"].items() if key not in marks}
        bare["annotations"] = kept
    return {**obj, "metadata": bare}


def merged(obj: Obj, before: Obj) -> Obj:
    """Return what is written over somebody else's object, which keeps its owner's metadata."""
    theirs, added = before["metadata"], unlabelled(obj)["metadata"]
    both = {
        name: {**(theirs.get(name) or {}), **(added.get(name) or {})}
        for name in ("labels", "annotations")
    }
    metadata = {**theirs, **added, **both}
    # The server keeps account of who has set which field.
    metadata.pop("managedFields", None)
    return {**obj, "metadata": metadata}
