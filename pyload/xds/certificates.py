"""Certificates for proxies, signed by the mesh's CA and renewed before they expire."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Final, Protocol

from pyload.errors import CertificateError, StreamError
from pyload.refresh import Expiring, RefreshingCache, utc_now
from pyload.xds.client import bearer
from pyload.xds.csr import new_request, pause, read_chain, spiffe_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime
    from random import Random

    from pyload.key_pair import KeyPair
    from pyload.xds.credentials import Principal
    from pyload.xds.transport import Metadata

CONCURRENCY: Final = 64
"""Requests to the CA at a time."""


class Ca(Protocol):
    """Signs requests; `pyload.xds.ca` asks a real one."""

    async def sign(self, csr: bytes, *, metadata: Metadata) -> Sequence[str]:
        """Ask once.

        Args:
            csr: In PEM.
            metadata: Headers of the call.

        Returns:
            Certificates in PEM, the leaf first.

        Raises:
            StreamError: There was no good answer, with its gRPC status.
        """
        ...


class Certificates:
    """Has certificates signed, one per principal, and keeps them while they are good.

    However many proxies ask at once, a principal costs one request.

    Args:
        ca: The mesh's CA.
        tokens: Returns the bearer token of a namespace and a service account.
        rng: Spreads retries.
        now: Returns the time in UTC.

    Attributes:
        signed: Certificates that the CA has signed.
    """

    def __init__(
        self,
        ca: Ca,
        tokens: Callable[[str, str], str | Awaitable[str]],
        *,
        rng: Random,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.signed = 0
        self._ca = ca
        self._tokens = tokens
        self._rng = rng
        self._now = now
        self._turns = asyncio.Semaphore(CONCURRENCY)
        self._cache: RefreshingCache[Principal, KeyPair] = RefreshingCache(self._fetch, now=now)

    def peek(self, principal: Principal) -> KeyPair | None:
        """Return the certificate if there is one that is not due for a renewal, else None."""
        return self._cache.peek(principal)

    async def get(self, principal: Principal) -> KeyPair:
        """Return a certificate that is good for at least another minute.

        Raises:
            CertificateError: The CA signs none.
            PyloadError: There is no token to ask it with.
        """
        return await self._cache.get(principal)

    async def _fetch(self, principal: Principal) -> Expiring[KeyPair]:
        name = spiffe_id(principal.namespace, principal.service_account)
        async with self._turns:
            token = self._tokens(principal.namespace, principal.service_account)
            metadata = bearer(
                token if isinstance(token, str) else await token, principal.cluster_id
            )
            key, csr = new_request(name)
            begun = self._now()
            try:
                chain = await self._sign(functools.partial(self._ca.sign, csr, metadata=metadata))
            except StreamError as error:
                raise CertificateError(
                    f"the CA signs no certificate for {name}: {error.what}",
                    fix=_FIXES.get(error.name, ""),
                ) from error
        self.signed += 1
        return read_chain(key, chain, begun=begun)

    async def _sign(self, ask: Callable[[], Awaitable[Sequence[str]]]) -> Sequence[str]:
        attempt = 1
        while True:
            try:
                return await ask()
            except StreamError as error:
                wait = pause(error.code, attempt=attempt, rng=self._rng)
                if wait is None:
                    raise
            await asyncio.sleep(wait)
            attempt += 1


_FIXES: Final = {
    "UNIMPLEMENTED": "name the TLS port, such as 15012, or the CA itself by --ca-address",
    "UNAVAILABLE": "check --pilot-address, or name the CA by --ca-address",
}
