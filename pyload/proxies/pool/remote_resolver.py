"""Resolves the principals of a worker's proxies by asking the pool, which knows servers and tokens.

Proxies that share a target share the request for it too, and use the answer for a minute.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pyload.errors import CertificateError, PyloadError
from pyload.proxies.pool.messages import ResolveRequest
from pyload.refresh import Expiring, RefreshingCache, utc_now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from pyload.proxies.pool.messages import ResolveResponse
    from pyload.proxies.targets import Target
    from pyload.xds.credentials import Principal

KEPT: Final = timedelta(seconds=60)
"""How long an answer is used: the pool renews tokens and certificates long before their end."""


class RemoteResolver:
    """Resolves principals to targets in another process; see `TargetResolver`.

    Args:
        send: Sends a request; its response comes to `on_response`.
        exclusive: Whether no two proxies share a target.
        now: Returns the time in UTC.
    """

    def __init__(
        self,
        send: Callable[[ResolveRequest], None],
        *,
        exclusive: bool,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._send = send
        self._exclusive = exclusive
        self._now = now
        self._number = 0
        self._pending: dict[int, asyncio.Future[ResolveResponse]] = {}
        self._shared: RefreshingCache[Principal, Target] = RefreshingCache(self._fetch, now=now)

    def __call__(self, principal: Principal) -> Target | Awaitable[Target]:
        """Return a proxy's target; an awaitable of it if the pool has to be asked.

        Raises:
            CertificateError: There is no certificate for it, when awaited.
            PyloadError: It cannot be resolved for another reason, when awaited.
        """
        if self._exclusive:
            return self._ask(principal)
        principal = replace(principal, proxy="")
        return self._shared.peek(principal) or self._shared.get(principal)

    def on_response(self, response: ResolveResponse) -> None:
        """Handle a response."""
        pending = self._pending.pop(response.number, None)
        # The proxy may have been stopped meanwhile.
        if pending is not None and not pending.done():
            pending.set_result(response)

    async def _fetch(self, principal: Principal) -> Expiring[Target]:
        until = self._now() + KEPT
        return Expiring(await self._ask(principal), refresh_after=until, expires_at=until)

    async def _ask(self, principal: Principal) -> Target:
        self._number += 1
        pending: asyncio.Future[ResolveResponse] = asyncio.get_running_loop().create_future()
        self._pending[self._number] = pending
        self._send(ResolveRequest(self._number, principal))
        response = await pending
        if response.target is None:
            failure = CertificateError if response.is_certificate_error else PyloadError
            raise failure(response.error)
        return response.target
