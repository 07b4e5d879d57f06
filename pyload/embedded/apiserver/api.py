"""The API server: its handler, its watches, and the ways in."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.access.authentication import Authenticator
from pyload.embedded.apiserver.handler import Answer, RequestHandler
from pyload.embedded.apiserver.memory import MemoryApiTransport
from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.requests import Reply, Request, refused_reply
from pyload.embedded.apiserver.sources import Sources
from pyload.embedded.apiserver.store import HISTORY
from pyload.embedded.apiserver.watch import QUEUE, Watcher
from pyload.embedded.apiserver.watch_plan import WatchPlan
from pyload.embedded.apiserver.webhooks.admission import Question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from ssl import SSLContext

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.webhooks.admission import Decision
    from pyload.embedded.apiserver.webhooks.calls import WebhookCaller
    from pyload.kube.resources import Obj, Resource
    from pyload.kube.transport import Response, Transport

_ATTEMPTS: Final = 5
"""How often webhooks are asked about an object that others keep changing."""


class ApiServer:
    """A Kubernetes API server in this process, with nothing but memory behind it.

    Requests come in through `transport` or over HTTP through `serve`; both see the same objects.

    Args:
        now: Returns the time, with its zone; the real one by default.
        observer: Called with every finished request and its status code, and with a watch when it
            begins: the audit log.
        history: Events kept per kind for watches that start in the past.
        queue: Lines that a watcher may be behind before it is closed.
        own_revisions: Begin with a revision that no earlier server has reached, so that clients of
            one notice that this is another.

    Attributes:
        intercept: Called before every request. It may answer in the server's place, or raise a
            `PyloadError`: a client in memory sees the error itself, one over HTTP sees its
            connection break.
        admit: Called with every object that is about to be created, its defaults filled in; it
            returns the object to create instead, as a mutating webhook does, and must not change
            its argument.
        store: The objects.
        kinds: The kinds that are served at the moment.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] | None = None,
        observer: Callable[[Request, int], None] | None = None,
        history: int = HISTORY,
        queue: int = QUEUE,
        own_revisions: bool = False,
    ) -> None:
        self.intercept: Callable[[Request], Response | None] | None = None
        self.admit: Callable[[Resource, Obj], Obj] | None = None
        self._observer = observer
        self._queue = queue
        self._watchers: set[Watcher] = set()
        self._caller: WebhookCaller | None = None
        rng = Random()  # noqa: S311 - names of objects, not secrets
        sources = Sources(
            now=now or _utc_now,
            new_uid=lambda: _uid(rng),
            later=_later,
            key=secrets.token_bytes(32),
            rng=rng,
            admit=self._admit,
        )
        # A server would need more than a change per millisecond to overtake the next one.
        first = int(_utc_now().timestamp() * 1000) if own_revisions else 1
        self._handler = RequestHandler(sources, history=history, first=first)
        self.store = self._handler.store
        self.kinds = self._handler.kinds
        self.kinds.on_forgotten = self._close_watches_of

    def transport(self) -> Transport:
        """Return a transport without sockets or real time."""
        return MemoryApiTransport(self._answer, self._begin, self.kinds)

    @contextlib.asynccontextmanager
    async def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: SSLContext | None = None,
        token: str = "",
    ) -> AsyncIterator[str]:
        """Serve HTTP until the context is left, which ends all watches; yield the base URL.

        Args:
            host: Address to listen on.
            port: Port; 0 for any.
            tls: How the server shows itself; None for no TLS.
            token: The token of the one mighty user, beside whom only service accounts with theirs
                are let in; empty lets everybody in.
        """
        from pyload.embedded.apiserver.server import HttpServer  # noqa: PLC0415 - slow to import

        server = HttpServer(
            self._answer,
            self._begin,
            self.close_watches,
            self.kinds,
            tls=tls,
            authenticator=Authenticator(token, self._handler.account_of) if token else None,
        )
        try:
            async with server.run(host, port) as url:
                yield url
        finally:
            if self._caller is not None:
                await self._caller.aclose()

    def objects(self) -> Iterator[tuple[Resource, dict[str, Any]]]:
        """Iterate over all objects, which must not be changed."""
        return self.store.objects()

    def _close_watches_of(self, kind: Kind) -> None:
        for watcher in [one for one in self._watchers if one.kind == kind]:
            watcher.close()

    def close_watches(self) -> None:
        """End all watches, as a restart of the server would."""
        for watcher in list(self._watchers):
            watcher.close()

    async def _answer(self, request: Request) -> Reply | WatchPlan:
        """Answer one request from any way in: intercept, handle, and report it to the observer."""
        answer: Answer | None = None
        if self.intercept is not None:
            given = self.intercept(request)
            if given is not None:
                answer = Reply(given.status, given.body, given.retry_after)
        if answer is None:
            answer = self._handler.handle(request, request.target)
        if isinstance(answer, Question):
            answer = await self._admit_by_webhooks(request, answer)
        if self._observer is not None:
            self._observer(request, 200 if isinstance(answer, WatchPlan) else answer.status)
        return answer

    async def _admit_by_webhooks(self, request: Request, answer: Answer) -> Reply | WatchPlan:
        """Ask the webhooks of a request, and handle it again with each decision."""
        from pyload.embedded.apiserver.webhooks.calls import WebhookCaller  # noqa: PLC0415 - rare

        if self._caller is None:
            self._caller = WebhookCaller(self.store)
        decisions: list[Decision] = []
        while isinstance(answer, Question):
            key = answer.key
            if sum(one.key == key for one in decisions) == _ATTEMPTS:
                refused = refusals.modified(answer.target.kind, answer.target.name)
                return refused_reply(refused)
            try:
                decisions.append(await self._caller.decide(answer))
            except Refused as error:
                return refused_reply(error)
            again = replace(request, decisions=tuple(decisions))
            answer = self._handler.handle(again, request.target)
        if isinstance(answer, WatchPlan):
            return answer
        warnings = [text for one in decisions for text in one.warnings]
        return replace(answer, warnings=(*answer.warnings, *warnings))

    def _admit(self, resource: Resource, obj: Obj) -> Obj:
        return obj if self.admit is None else self.admit(resource, obj)

    def _begin(self, plan: WatchPlan) -> Watcher:
        watcher = Watcher(
            self._handler.store, plan, closed=self._watchers.discard, queue=self._queue
        )
        self._watchers.add(watcher)
        return watcher


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _uid(rng: Random) -> str:
    """Return a UUID of version 4, without a system call for each."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _later(seconds: float, action: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, action)
