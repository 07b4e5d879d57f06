"""The dispatch of a request to the part of the API server that answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.access.reviews import Reviews
from pyload.embedded.apiserver.deletes import Deletes
from pyload.embedded.apiserver.discovery import Discovery
from pyload.embedded.apiserver.evictions import Evictions
from pyload.embedded.apiserver.reads import Reads
from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.registry import KindRegistry
from pyload.embedded.apiserver.requests import (
    Reply,
    Request,
    Target,
    refused_reply,
)
from pyload.embedded.apiserver.store import HISTORY, Store
from pyload.embedded.apiserver.subresources import Subresources
from pyload.embedded.apiserver.watch_plan import WatchPlan
from pyload.embedded.apiserver.webhooks.admission import Admission, Question, Undecided
from pyload.embedded.apiserver.writes import Writes
from pyload.embedded.controllers.namespaces import NamespaceController

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.embedded.apiserver.sources import Sources

Answer = Reply | WatchPlan | Question

_ON_OBJECTS: Final = frozenset(("update", "patch", "delete"))
_ON_COLLECTIONS: Final = frozenset(("create", "deletecollection"))


class RequestHandler:
    """Answers requests, without waiting.

    Args:
        sources: The server's clock, chance and hook.
        history: Events kept per kind for watches that start in the past.
        first: The first revision.
    """

    def __init__(self, sources: Sources, *, history: int = HISTORY, first: int = 1) -> None:
        self.store = Store(history=history, first=first)
        self.kinds = KindRegistry()
        self._reads = Reads(self.store, sources)
        namespaces = NamespaceController(self.store, self.kinds, sources)
        admission = Admission(self.store)
        self._writes = Writes(self.store, self.kinds, admission, namespaces.addresses, sources)
        self._deletes = Deletes(self.store, admission, sources)
        self._discovery = Discovery(self.kinds)
        self._reviews = Reviews(self.store, sources)
        self.account_of = self._reviews.account_of
        reads, writes = self._reads, self._writes
        parts = Subresources(self.store, sources)
        self._answers: dict[tuple[str, str], Callable[[Request, Target], Answer]] = {
            ("", "get"): reads.get,
            ("", "list"): reads.collection,
            ("", "watch"): reads.watch,
            ("", "create"): writes.create,
            ("", "update"): writes.update,
            ("", "patch"): writes.patch,
            ("", "delete"): self._deletes.delete,
            ("", "deletecollection"): self._delete_all,
            ("status", "get"): reads.get,
            ("status", "update"): writes.update,
            ("status", "patch"): writes.patch,
            ("finalize", "update"): parts.finalize,
            ("token", "create"): self._reviews.token,
            ("binding", "create"): parts.bind,
            ("eviction", "create"): Evictions(self.store, sources).evict,
            ("scale", "get"): parts.scale,
            ("scale", "update"): parts.scale,
            ("scale", "patch"): parts.scale,
        }
        namespaces.bootstrap()

    def handle(self, request: Request, target: Target | None) -> Answer:
        """Answer a request; a `WatchPlan` must begin before anything else is written.

        A `Question` is for webhooks; with their decision, the request is to be handled again.

        Args:
            request: The request.
            target: Its path as `parse_target` reads it; None for other paths.
        """
        try:
            if request.broken is not None:
                raise request.broken
            if target is None:
                return self._discovery.answer(request)
            return self._answer(request, target)
        except Refused as error:
            return refused_reply(error)
        except Undecided as undecided:
            return undecided.question
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if request.body is None or refusals.is_out_of_memory(error):
                raise
            # There are no schemas: a field of a wrong type shows where it is first used.
            return refused_reply(refusals.bad_request(f"the object cannot be handled: {error!r}"))

    def _answer(self, request: Request, target: Target) -> Answer:
        if not target.kind.stored:
            if request.verb != "create" or target.name:
                raise refusals.method_not_allowed()
            return self._reviews.review(request, target)
        answer = self._answers.get((target.subresource, request.verb))
        misplaced = not target.subresource and (
            (request.verb in _ON_OBJECTS and not target.name)
            or (request.verb in _ON_COLLECTIONS and not _is_collection(target))
        )
        if answer is None or misplaced:
            raise refusals.method_not_allowed()
        return answer(request, target)

    def _delete_all(self, request: Request, target: Target) -> Reply:
        whole = self._reads.collection(request, target)
        for item in self._reads.select(request, target):
            namespace, name = item.key
            one = Target(target.kind, target.api_version, namespace, name, "")
            self._deletes.delete(request, one)
        return whole


def _is_collection(target: Target) -> bool:
    """Return whether a path is of the one collection that an object belongs to."""
    return not target.name and (bool(target.namespace) or not target.kind.namespaced)
