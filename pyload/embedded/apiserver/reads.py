"""Answers to get, list and watch."""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import orjson

from pyload.embedded.apiserver import options, refusals
from pyload.embedded.apiserver.printing import tables
from pyload.embedded.apiserver.requests import (
    JSON,
    Reply,
    Request,
    Target,
    json_reply,
    wanted_form,
)
from pyload.embedded.apiserver.selectors import Selector, parse_selector
from pyload.embedded.apiserver.watch_plan import WatchPlan

if TYPE_CHECKING:
    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.sources import Sources
    from pyload.embedded.apiserver.store import Store
    from pyload.embedded.apiserver.stored_object import StoredObject
    from pyload.kube.resources import Obj


SNAPSHOTS: Final = 32
"""Unfinished paged lists that are kept."""

WATCH_SECONDS: Final = 1800.0
"""How long a watch lasts that names no timeout."""


class Reads:
    """Reads a store.

    Args:
        store: The store.
        sources: Its clock.
    """

    def __init__(self, store: Store, sources: Sources) -> None:
        self._store = store
        self._now = sources.now
        self._snapshots: OrderedDict[tuple[Kind, str, int], list[StoredObject]] = OrderedDict()

    def get(self, request: Request, target: Target) -> Reply:
        """Answer with one object.

        Raises:
            Refused: It is not there.
        """
        form = wanted_form(request.accept)
        entry = self._store.need(target.kind, target.namespace, target.name)
        if form == "table":
            return self._table(request, target, [entry], {"resourceVersion": str(entry.revision)})
        shown = entry.metadata_json() if form == "metadata" else entry.json(target.api_version)
        return Reply(200, shown)

    def collection(self, request: Request, target: Target) -> Reply:
        """Answer with a list, or one page of it.

        Raises:
            Refused: The query makes no sense, or asks for a revision that is not there.
        """
        query = request.query
        form = wanted_form(request.accept)
        selector = _selector(request, target)
        options.check_list(query)
        limit = max(request.number("limit") or 0, 0)
        token = query.get("continue", "")
        start: tuple[str, str] | None = None
        if token:
            revision, start = _read_token(token)
            entries = self._snapshot(target, revision, start)
            revision = revision or self._store.revision
        else:
            revision = self._store.revision
            entries = self._current(request, target)
        if start:
            entries = [entry for entry in entries if entry.key >= start]
        page, rest = _page(entries, selector, limit)
        following = ""
        if rest:
            self._keep((target.kind, target.namespace, revision), entries)
            following = _write_token(revision, rest[0].key)
        metadata: Obj = {"resourceVersion": str(revision)}
        if target.kind.custom:
            metadata["continue"] = following
        if following:
            metadata["continue"] = following
            if not selector:
                metadata["remainingItemCount"] = len(rest)
        if form == "table":
            return self._table(request, target, page, metadata)
        return _list_reply(target, page, metadata, metadata_only=form == "metadata")

    def _table(
        self, request: Request, target: Target, page: list[StoredObject], metadata: Obj
    ) -> Reply:
        shown = tables.table(
            target.kind,
            target.version,
            [entry.obj for entry in page],
            now=self._now(),
            metadata=metadata,
            include=_included(request),
        )
        return json_reply(200, shown)

    def watch(self, request: Request, target: Target) -> WatchPlan:
        """Plan a watch; it must begin before anything else is written.

        Raises:
            Refused: The query makes no sense.
        """
        query = request.query
        seconds = request.number("timeoutSeconds")
        plan = WatchPlan(
            kind=target.kind,
            api_version=target.api_version,
            namespace=target.namespace,
            selector=_selector(request, target),
            form=wanted_form(request.accept),
            now=self._now,
            include=_included(request),
            bookmarks=request.flag("allowWatchBookmarks"),
            timeout=float(seconds) if seconds else WATCH_SECONDS,
        )
        since = request.number("resourceVersion") or 0
        wants_state = request.flag("sendInitialEvents")
        _check_match(request, wants_state=wants_state)
        store = self._store
        if wants_state or (since == 0 and "sendInitialEvents" not in query):
            for entry in store.entries(target.kind, target.namespace):
                plan.add(entry)
            if wants_state and plan.bookmarks:
                plan.initial.append(plan.bookmark(store.revision, initial_end=True))
        elif since:
            try:
                events = store.since(target.kind, since)
            except refusals.Refused as error:
                failure = {"type": "ERROR", "object": error.to_status()}
                plan.initial = [orjson.dumps(failure) + b"\n"]
                plan.failed = True
                return plan
            plan.initial = [line for event in events if (line := plan.line(event)) is not None]
        return plan

    def select(self, request: Request, target: Target) -> list[StoredObject]:
        """List what a request selects.

        Raises:
            Refused: The query makes no sense.
        """
        selector = _selector(request, target)
        entries = self._store.entries(target.kind, target.namespace)
        return [entry for entry in entries if entry.matches(selector)]

    def _current(self, request: Request, target: Target) -> list[StoredObject]:
        store = self._store
        asked = request.number("resourceVersion") or 0
        if asked > store.revision:
            raise refusals.too_large(asked, store.revision)
        if request.query.get("resourceVersionMatch") == "Exact" and asked != store.revision:
            raise refusals.too_old(asked, store.revision)
        return store.entries(target.kind, target.namespace)

    def _keep(self, key: tuple[Kind, str, int], entries: list[StoredObject]) -> None:
        if key not in self._snapshots:
            self._snapshots[key] = entries
            if len(self._snapshots) > SNAPSHOTS:
                self._snapshots.popitem(last=False)

    def _snapshot(
        self, target: Target, revision: int, start: tuple[str, str]
    ) -> list[StoredObject]:
        if revision in (0, self._store.revision):
            return self._store.entries(target.kind, target.namespace)
        entries = self._snapshots.get((target.kind, target.namespace, revision))
        if entries is None:
            raise refusals.continue_expired(_write_token(0, start))
        return entries


def _selector(request: Request, target: Target) -> Selector:
    query = request.query
    labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
    if not labels and not fields:
        return _EVERYTHING
    return parse_selector(target.kind, labels=labels, fields=fields)


_EVERYTHING: Final = Selector()


def _included(request: Request) -> str:
    asked = request.query.get("includeObject", "")
    return asked if asked in tables.INCLUDED else tables.INCLUDED[0]


def _check_match(request: Request, *, wants_state: bool) -> None:
    match = request.query.get("resourceVersionMatch", "")
    if wants_state and match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    elif match and "sendInitialEvents" not in request.query:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    else:
        return
    why = f"resourceVersionMatch: Forbidden: {why}"
    raise refusals.invalid_request("ListOptions.meta.k8s.io", why)


def _page(
    entries: list[StoredObject], selector: Selector, limit: int
) -> tuple[list[StoredObject], list[StoredObject]]:
    """Split a list into the page to show and what is left after it."""
    if not limit:
        if selector:
            entries = [entry for entry in entries if entry.matches(selector)]
        return entries, []
    if not selector:
        return entries[:limit], entries[limit:]
    page: list[StoredObject] = []
    for position, entry in enumerate(entries):
        if len(page) == limit:
            return page, entries[position:]
        if entry.matches(selector):
            page.append(entry)
    return page, []


def _list_reply(
    target: Target, page: list[StoredObject], metadata: Obj, *, metadata_only: bool
) -> Reply:
    kind, api_version = target.kind.kind + "List", target.api_version
    if metadata_only:
        kind, api_version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        items = [entry.metadata_json() for entry in page]
    else:
        items = [entry.json(api_version) for entry in page]
    head = orjson.dumps({"kind": kind, "apiVersion": api_version, "metadata": metadata})
    return Reply(200, b'%b,"items":[%b]}' % (head[:-1], b",".join(items)), content_type=JSON)


def _write_token(revision: int, start: tuple[str, str]) -> str:
    token = {"v": "meta.k8s.io/v1", "rv": revision, "start": "/".join(start)}
    return base64.urlsafe_b64encode(orjson.dumps(token)).rstrip(b"=").decode()


def _read_token(text: str) -> tuple[int, tuple[str, str]]:
    try:
        token = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        namespace, name = token["start"].split("/")
        return int(token["rv"]), (namespace, name)
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise refusals.bad_request("continue key is not valid") from error
