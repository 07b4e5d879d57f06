"""How the proxies of a worker learn their ways: from the pool, which knows servers and tokens."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pyload.errors import CertificateError, PyloadError
from pyload.proxies.local_fleet import Route
from pyload.proxies.pool.messages import ResolveRequest
from pyload.refresh import Expiring, RefreshingCache, utc_now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from pyload.proxies.pool.messages import ResolveResponse
    from pyload.proxies.spec import ProxySpec
    from pyload.proxies.targets import TransportCache

KEPT: Final = timedelta(seconds=60)
"""How long an answer is used: the pool renews tokens and certificates long before their end."""


class RemoteResolver:
    """Asks for ways, once for all proxies that share one.

    Args:
        ask: Sends a question; the answer comes to `answer`.
        transports: Carries the streams.
        own: Whether each proxy's way is its own.
        now: Gives the time in UTC.
    """

    def __init__(
        self,
        ask: Callable[[ResolveRequest], None],
        transports: TransportCache,
        *,
        own: bool,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._send = ask
        self._transports = transports
        self._own = own
        self._now = now
        self._asked: dict[int, asyncio.Future[ResolveResponse]] = {}
        self._questions = 0
        self._shared: RefreshingCache[tuple[str, str, str, str], Route] = RefreshingCache(
            self._fetch, now=now
        )

    def __call__(self, spec: ProxySpec) -> Route | Awaitable[Route]:
        """Give a proxy's way: at once, or when the pool has answered.

        Raises:
            CertificateError: There is no certificate for it, when awaited.
            PyloadError: There is none for another reason, when awaited.
        """
        key = spec.address, spec.namespace, spec.service_account, spec.cluster_id
        if self._own:
            return self._ask(spec.key, *key)
        return self._shared.peek(key) or self._shared.get(key)

    def answer(self, answer: ResolveResponse) -> None:
        """Take an answer."""
        asked = self._asked.pop(answer.number, None)
        # Whoever asked may have been stopped meanwhile.
        if asked is not None and not asked.done():
            asked.set_result(answer)

    async def _fetch(self, key: tuple[str, str, str, str]) -> Expiring[Route]:
        until = self._now() + KEPT
        return Expiring(await self._ask("", *key), refresh_after=until, expires_at=until)

    async def _ask(
        self, key: str, address: str, namespace: str, account: str, cluster_id: str
    ) -> Route:
        self._questions += 1
        asked: asyncio.Future[ResolveResponse] = asyncio.get_running_loop().create_future()
        self._asked[self._questions] = asked
        self._send(ResolveRequest(self._questions, key, address, namespace, account, cluster_id))
        answer = await asked
        path = answer.path
        if path is None:
            raise (CertificateError if answer.certificate else PyloadError)(answer.error)
        return Route(
            self._transports.get(path),
            token=path.token,
            secure=path.tls is not None,
            bearer=answer.token,
        )
