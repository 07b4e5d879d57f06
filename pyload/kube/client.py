"""Requests to one API server: raw JSON, rate limited, retried, with errors that say what to do."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

import orjson

from pyload.errors import ApiError, ClusterUnreachable, Gone, NotFound, UsageError
from pyload.kube.limiter import Limiter
from pyload.kube.retry import Failure, Lost, pause
from pyload.kube.status import error_from, error_from_status, not_json
from pyload.kube.transport import HopelessError, ProxyError
from pyload.kube.write_log import log_deleted, log_write
from pyload.report.histogram import Histogram
from pyload.tasks import clock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from pyload.kube.resources import Obj
    from pyload.kube.transport import Response, Transport

T = TypeVar("T")
Listed = tuple[list[T], str]

FIELD_MANAGER: Final = "pilot-load"
APPLY_PATCH: Final = "application/apply-patch+yaml"
PAGE: Final = 500
"""Objects per page of a list, as pilot-load asks for."""

_BUSY: Final = (429, 503)
"""Statuses of a server that has too much to do."""

_LIST_ATTEMPTS: Final = 4
"""Attempts at a list, which begins anew when it outlives the server's snapshot."""


def _as_it_is(obj: Obj) -> Obj:
    return obj


class Client:
    """The verbs of one API server.

    Reads, and writes that can be repeated without harm, are sent again after a lost connection, a
    429 or a passing server error; a POST only where the server cannot have carried it out. No
    call tries more than five times.

    Args:
        transport: Carries the requests; closed by its owner.
        qps: Requests per second, with bursts of twice as many.
        rng: Spreads retries.

    Attributes:
        time_limited: Seconds that requests have waited because of `qps`, summed up.
        write_times: Time from sending a write until its answer, of each attempt.
        refusals: Answers that ask to come again later, by status.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        qps: float = 100_000.0,
        rng: Random | None = None,
    ) -> None:
        if not qps > 0:
            raise UsageError(f"{qps:g} requests per second is not a rate", fix="give --qps above 0")
        self._transport = transport
        self._limiter = Limiter(qps, max(1.0, 2 * qps))
        self._rng = rng or Random()  # noqa: S311 - spreads retries
        self.time_limited = 0.0
        self.write_times = Histogram()
        self.refusals: Counter[str] = Counter()

    async def get(self, path: str) -> Obj:
        """Read one object.

        Raises:
            NotFound: There is no such object.
            ApiError: The server refused.
            ClusterUnreachable: There was no answer.
        """
        return _decoded("GET", path, await self._send("GET", path))

    async def read_text(self, path: str, *, at_most: int) -> bytes:
        """Read a page that is no object, such as one of a pod behind the server's proxy.

        It is read once: what is behind the proxy may be anything.

        Args:
            path: Of the page.
            at_most: How many bytes it may have.

        Raises:
            ApiError: The server refused, or the page is too long.
            ClusterUnreachable: There was no answer, or the connection broke.
        """
        await self._limit()
        lines, size = [], 0
        async with self._transport.stream(path, query={}) as stream:
            if stream.status != 200:
                raise error_from("GET", path, stream.status, await stream.body())
            async for line in stream.lines():
                size += len(line) + 1
                if size > at_most:
                    raise ApiError(
                        status=stream.status,
                        reason="",
                        message=f"more than {at_most:,} bytes",
                        verb="GET",
                        path=path,
                    )
                lines.append(line)
        return b"\n".join(lines)

    async def create(self, path: str, obj: Obj) -> Obj:
        """Post an object to a collection or a subresource, and return the server's version.

        Raises:
            Conflict: It exists already.
            ApiError: The server refused.
            ClusterUnreachable: There was no answer; whether the object exists is not known.
        """
        return await self._write("POST", path, obj)

    async def update(self, path: str, obj: Obj) -> Obj:
        """Replace an object, and return the server's version.

        Raises:
            Conflict: It has changed since the object's resourceVersion.
            ApiError: The server refused.
            ClusterUnreachable: There was no answer.
        """
        return await self._write("PUT", path, obj)

    async def write(self, method: str, path: str, obj: Obj) -> None:
        """Post or put an object like `create` or `update`, and leave the answer unread.

        Where thousands of objects are written, reading the server's versions costs as much again.

        Raises:
            Conflict: The object is there already, or not what it was.
            ApiError: The server refused.
            ClusterUnreachable: There was no answer.
        """
        log_write(method, path, obj)
        await self._send(method, path, body=orjson.dumps(obj))

    async def apply(self, path: str, obj: Obj) -> Obj:
        """Apply an object server-side, taking its fields over, and return the server's version.

        Args:
            path: Of the object or its status.
            obj: The fields to own; needs apiVersion and kind.

        Raises:
            Conflict: The object's uid or resourceVersion is not the server's.
            ApiError: The server refused.
            ClusterUnreachable: There was no answer.
        """
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return await self._write("PATCH", path, obj, query=query, content_type=APPLY_PATCH)

    async def delete(
        self, path: str, *, grace_period_seconds: int | None = 0, uid: str = ""
    ) -> bool:
        """Delete an object.

        Args:
            path: Of the object.
            grace_period_seconds: Seconds that it may take to end; None leaves it to the server.
            uid: Delete only the object with this UID, not one that took its name.

        Returns:
            False if it was gone already.

        Raises:
            Conflict: The object of that name has another UID.
            ApiError: The server refused.
            ClusterUnreachable: There was no answer.
        """
        options: Obj = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        if uid:
            options["preconditions"] = {"uid": uid}
        body = orjson.dumps(options) if len(options) > 2 else None
        try:
            await self._send("DELETE", path, body=body)
        except NotFound:
            return False
        log_deleted(path)
        return True

    @overload
    async def list(
        self,
        path: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> Listed[Obj]: ...

    @overload
    async def list(
        self,
        path: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        project: Callable[[Obj], T],
    ) -> Listed[T]: ...

    async def list(
        self,
        path: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        project: Callable[[Obj], Any] = _as_it_is,
    ) -> Listed[Any]:
        """Read a whole collection, page by page.

        Args:
            path: Of the collection.
            label_selector: Restricts the objects.
            field_selector: Restricts the objects.
            project: Reduces each object on arrival, so that a large collection fits in memory.

        Returns:
            The objects, and the collection's resourceVersion to watch from.

        Raises:
            Gone: The collection changes too fast to be read.
            ApiError: The server refused.
            ClusterUnreachable: There was no answer.
        """
        query = _selectors(label_selector, field_selector)
        query["limit"] = str(PAGE)
        for attempt in range(1, _LIST_ATTEMPTS + 1):
            try:
                return await self._list_once(path, query, project)
            except Gone:
                if attempt == _LIST_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def _list_once(
        self, path: str, query: Mapping[str, str], project: Callable[[Obj], Any]
    ) -> Listed[Any]:
        objects: list[Any] = []
        page_query = dict(query)
        while True:
            page = _decoded("GET", path, await self._send("GET", path, query=page_query))
            objects += map(project, page.get("items") or ())
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return objects, str(metadata.get("resourceVersion") or "")
            page_query["continue"] = metadata["continue"]

    async def watch(
        self,
        path: str,
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = 300,
        initial_events: bool = False,
        opened: Callable[[], None] | None = None,
    ) -> AsyncGenerator[tuple[str, Obj], None]:
        """Follow a collection's changes until the server ends the watch.

        Nothing is retried here: the caller has to decide from which version. Close the generator
        (``contextlib.aclosing``) when leaving it early.

        Args:
            path: Of the collection.
            resource_version: Where to begin; empty with `initial_events` for the newest state.
            label_selector: Restricts the objects.
            field_selector: Restricts the objects.
            timeout_seconds: When the server shall end the watch.
            initial_events: Begin with all objects as ``ADDED``, and then a bookmark for which
                `ends_initial_events` is true. Not every server can.
            opened: Called when the server has accepted the watch.

        Yields:
            Event type and object; type ``BOOKMARK`` carries only a resourceVersion.

        Raises:
            Gone: The server no longer knows that resourceVersion: list again.
            ApiError: The server refused, or reported an error.
            ClusterUnreachable: There was no answer, or the connection broke.
        """
        query = _selectors(label_selector, field_selector)
        query |= {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
        }
        if initial_events:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        await self._limit()
        async with self._transport.stream(path, query=query) as stream:
            if stream.status != 200:
                body = await stream.body()
                raise error_from("GET", path, stream.status, body, watch=True)
            if opened is not None:
                opened()
            async for line in stream.lines():
                if line:
                    yield _event(path, line)

    async def _write(
        self,
        method: str,
        path: str,
        obj: Obj,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Obj:
        log_write(method, path, obj)
        body = orjson.dumps(obj)
        response = await self._send(method, path, query=query, body=body, content_type=content_type)
        return _decoded(method, path, response)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Send a request until it succeeds or a further attempt would be pointless."""
        attempt, paused = 0, 0.0
        now = clock()
        while True:
            attempt += 1
            await self._limit()
            began = now()
            error: ApiError | ClusterUnreachable
            try:
                response = await self._transport.request(
                    method, path, query=query, body=body, content_type=content_type
                )
            except ClusterUnreachable as unreachable:
                error, failure = unreachable, Failure(_why(unreachable))
            else:
                if method != "GET":
                    self.write_times.record(now() - began)
                if 200 <= response.status < 300:
                    return response
                if response.status in _BUSY:
                    self.refusals[str(response.status)] += 1
                after = response.retry_after
                error = error_from(method, path, response.status, response.body, retry_after=after)
                failure = Failure(response.status, after)
            wait = pause(method, failure, attempt=attempt, paused=paused, rng=self._rng)
            if wait is None:
                raise error
            paused += wait
            await asyncio.sleep(wait)

    async def _limit(self) -> None:
        wait = self._limiter.reserve(asyncio.get_running_loop().time())
        if wait > 0:
            self.time_limited += wait
            await asyncio.sleep(wait)


def ends_initial_events(bookmark: Obj) -> bool:
    """Return whether a bookmark is the one that ends a watch's initial events."""
    annotations = (bookmark.get("metadata") or {}).get("annotations") or {}
    return annotations.get("k8s.io/initial-events-end") == "true"


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    both = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {name: value for name, value in both.items() if value}


def _why(error: ClusterUnreachable) -> Lost:
    cause = error.__cause__
    if isinstance(cause, ProxyError):
        return Lost.HOPELESS if cause.lasting else Lost.REFUSED
    if isinstance(cause, ConnectionRefusedError):
        return Lost.REFUSED
    if isinstance(cause, ssl.SSLError | HopelessError):
        return Lost.HOPELESS
    return Lost.BROKEN


def _decoded(method: str, path: str, response: Response) -> Obj:
    try:
        obj: Any = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        obj = None
    if not isinstance(obj, dict):
        raise not_json(method, path, response.status, response.body)
    return obj


def _event(path: str, line: bytes) -> tuple[str, Obj]:
    try:
        event = orjson.loads(line)
        kind, obj = event["type"], event["object"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise not_json("GET", path, 200, line) from None
    if not isinstance(kind, str) or not isinstance(obj, dict):
        raise not_json("GET", path, 200, line)
    if kind == "ERROR":
        raise error_from_status("GET", path, obj, watch=True)
    return kind, obj
