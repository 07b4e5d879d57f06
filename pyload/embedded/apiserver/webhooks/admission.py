"""The admission of objects by webhooks: what they are asked, and what their answers lead to.

A request that webhooks have a say in is handled several times. When it first reaches them, with
nothing stored yet, `Undecided` ends its handling, and the server asks the webhooks. Then the
request is handled from the start again, with their decision, which holds as long as the object that
it is about is as it was: what others changed meanwhile is not lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pyload.embedded.apiserver import defaults
from pyload.embedded.apiserver.kinds import MUTATING_WEBHOOK, NAMESPACE, VALIDATING_WEBHOOK
from pyload.embedded.apiserver.webhooks.configurations import CONFIGURATIONS, read_webhooks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.embedded.apiserver.access.users import User
    from pyload.embedded.apiserver.requests import Request, Target
    from pyload.embedded.apiserver.store import Event, Store
    from pyload.embedded.apiserver.stored_object import StoredObject
    from pyload.embedded.apiserver.webhooks.configurations import Webhook
    from pyload.kube.resources import Obj

Phase = Literal["mutating", "validating"]
Operation = Literal["CREATE", "UPDATE", "DELETE"]

_KINDS: Final = {"mutating": MUTATING_WEBHOOK, "validating": VALIDATING_WEBHOOK}


@dataclass(frozen=True, slots=True)
class Question:
    """What webhooks are asked about an object that a request is about to store.

    Attributes:
        phase: Which webhooks are asked.
        operation: What is done to the object.
        target: Where the object is.
        obj: The object as it is to be stored; None if it is to be deleted.
        old: The object as it is; None for a new one.
        revision: The revision of ``old``; 0 for a new one.
        webhooks: Those that are for the request, each with the version in which it sees the object.
        user: Who sends the request.
        dry_run: Whether nothing will be stored.
    """

    phase: Phase
    operation: Operation
    target: Target
    obj: Obj | None
    old: Obj | None
    revision: int
    webhooks: tuple[tuple[Webhook, str], ...]
    user: User
    dry_run: bool

    @property
    def key(self) -> tuple[Phase, str]:
        """The phase, and the object's name; a request may be about many objects."""
        return self.phase, self.target.name


@dataclass(frozen=True, slots=True)
class Decision:
    """The webhooks' answer to a question.

    Attributes:
        key: The key of the question.
        revision: The revision that it was about.
        obj: The object to store; None if it is to be deleted.
        warnings: What kubectl shows.
    """

    key: tuple[Phase, str]
    revision: int
    obj: Obj | None
    warnings: tuple[str, ...] = ()


class Undecided(Exception):  # noqa: N818 - reads as a state
    """Raised to end the handling of a request until webhooks have been asked.

    Args:
        question: What to ask them.
    """

    def __init__(self, question: Question) -> None:
        super().__init__(question.key)
        self.question = question


class Admission:
    """Finds the webhooks that a request has to pass.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._webhooks: dict[Phase, tuple[Webhook, ...]] = {"mutating": (), "validating": ()}
        for kind in CONFIGURATIONS:
            store.subscribe(kind, self._on_configuration)

    def mutate(
        self, request: Request, target: Target, obj: Obj, old: StoredObject | None = None
    ) -> Obj:
        """Return an object as mutating webhooks want it, with its defaults; itself without them.

        Raises:
            Undecided: They have to be asked.
        """
        if not self._webhooks["mutating"]:
            return obj
        metadata = obj["metadata"]
        unnamed = old is None and bool(metadata.get("generateName"))
        if unnamed:
            # A real server makes the name later.
            given = {name: item for name, item in metadata.items() if name != "name"}
            shown = {**obj, "metadata": given}
        else:
            shown = obj
        decided = self._decide("mutating", request, target, shown, old)
        if decided is None or decided is shown:
            return obj
        if unnamed:
            decided = {**decided, "metadata": {**decided["metadata"], "name": metadata["name"]}}
        return defaults.fill(target.kind, decided)

    def validate(
        self, request: Request, target: Target, obj: Obj, old: StoredObject | None = None
    ) -> Obj:
        """Return the object that validating webhooks have seen; itself if there are none for it.

        Raises:
            Undecided: They have to be asked.
        """
        if not self._webhooks["validating"]:
            return obj
        return self._decide("validating", request, target, obj, old) or obj

    def check_deletion(self, request: Request, target: Target) -> None:
        """Let webhooks refuse the deletion of an object.

        Raises:
            Undecided: They have to be asked.
        """
        if not any(self._webhooks.values()):
            return
        old = self._store.get(target.kind, target.namespace, target.name)
        for phase in self._webhooks:
            self._decide(phase, request, target, None, old)

    def _on_configuration(self, event: Event) -> None:
        kind = event.entry.obj["kind"]
        phase: Phase = "mutating" if kind == MUTATING_WEBHOOK.kind else "validating"
        entries = self._store.entries(_KINDS[phase])
        self._webhooks[phase] = read_webhooks([entry.obj for entry in entries])

    def _decide(
        self,
        phase: Phase,
        request: Request,
        target: Target,
        obj: Obj | None,
        old: StoredObject | None,
    ) -> Obj | None:
        revision = old.revision if old else 0
        for one in request.decisions:
            if one.key == (phase, target.name) and one.revision == revision:
                return one.obj
        operation: Operation = "DELETE" if obj is None else "UPDATE" if old else "CREATE"
        before = old.obj if old else None
        asked = self._webhooks_for(phase, target, operation, (obj, before))
        if not asked:
            return obj
        raise Undecided(
            Question(
                phase=phase,
                operation=operation,
                target=target,
                obj=obj,
                old=before,
                revision=revision,
                webhooks=asked,
                user=request.user,
                dry_run=request.dry_run,
            )
        )

    def _webhooks_for(
        self, phase: Phase, target: Target, operation: Operation, states: Sequence[Obj | None]
    ) -> tuple[tuple[Webhook, str], ...]:
        if target.kind in CONFIGURATIONS:
            return ()
        namespace: Obj | None = None
        if target.kind is NAMESPACE:
            namespace = states[0] or states[1]
        elif target.namespace:
            namespace = self._store.need(NAMESPACE, "", target.namespace).obj
        found = []
        for webhook in self._webhooks[phase]:
            version = webhook.version_for(target, operation)
            if version and webhook.selects_namespace(namespace):
                found.append((webhook, version))
        if not any(webhook.selects(*states) for webhook, _ in found):
            return ()
        return tuple(found)
