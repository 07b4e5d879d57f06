"""A CA in memory, which fails where a test wants it to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pyload.embedded.controlplane.ca import Authority, CertificateService
from pyload.embedded.controlplane.connected_proxy import WorkloadIdentity, unauthenticated
from pyload.xds.wire import ca_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pyload.errors import StreamError
    from pyload.xds.transport import Metadata


class MemoryCa:
    """Signs as the embedded control plane does; a token is a namespace and an account.

    Args:
        now: Gives the time in UTC.

    Attributes:
        failures: Are raised one after another, before anything is signed.
        life: Seconds that are asked for.
        most: Requests that ever were open at a time.
        metadata: Headers of all requests.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.authority = Authority(now=now)
        self.failures: list[StreamError] = []
        self.life = 86_400
        self.most = 0
        self.metadata: list[Metadata] = []
        self._open = 0
        self._service = CertificateService(self.authority, self._authenticate)

    async def sign(self, csr: bytes, *, metadata: Metadata) -> Sequence[str]:
        """Ask once; takes 10 ms."""
        self.metadata.append(metadata)
        self._open += 1
        self.most = max(self.most, self._open)
        await asyncio.sleep(0.01)
        self._open -= 1
        if self.failures:
            raise self.failures.pop(0)
        request = ca_pb2.CertificateRequest(csr=csr.decode(), validity_duration=self.life)
        answer = await self._service.create(request.SerializeToString(), dict(metadata))
        return list(ca_pb2.CertificateResponse.FromString(answer).cert_chain)

    async def _authenticate(self, headers: Mapping[str, str]) -> WorkloadIdentity:
        namespace, slash, account = headers["authorization"].removeprefix("Bearer ").partition("/")
        if not slash:
            raise unauthenticated("authentication failure")
        return WorkloadIdentity(namespace, account)
