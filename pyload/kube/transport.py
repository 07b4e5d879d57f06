"""The interface through which the Kubernetes client sends its requests.

It has two implementations: `pyload.kube.http` over sockets, and the embedded API server, which
answers in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager


@dataclass(frozen=True, slots=True)
class Response:
    """A whole HTTP answer.

    Attributes:
        status: HTTP status code.
        body: The undecoded body.
        retry_after: Seconds from the ``Retry-After`` header, or None.
    """

    status: int
    body: bytes
    retry_after: float | None = None


class HopelessError(Exception):
    """The cause of a `ClusterUnreachable` that no repetition of the request mends."""


class ProxyError(Exception):
    """Raised when a proxy does not connect to the server.

    Args:
        what: What happened, in words that follow "the proxy".
        lasting: Whether it would refuse again.
    """

    def __init__(self, what: str, *, lasting: bool = True) -> None:
        super().__init__(what)
        self.lasting = lasting


class LineStream(Protocol):
    """An HTTP answer that is read line by line, such as a watch."""

    status: int

    def lines(self) -> AsyncIterator[bytes]:
        """Yield each line without its newline, until the server ends the answer.

        Raises:
            ClusterUnreachable: The connection broke.
        """
        ...

    async def body(self) -> bytes:
        """Read the whole body instead; for answers that are errors."""
        ...


class Transport(Protocol):
    """Carries requests to one API server."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Send one request and read its whole answer, whatever its status.

        Raises:
            ClusterUnreachable: There was no answer.
        """
        ...

    def stream(
        self, path: str, *, query: Mapping[str, str]
    ) -> AbstractAsyncContextManager[LineStream]:
        """Open a GET whose answer is read line by line; leaving the context closes it.

        Raises:
            ClusterUnreachable: There was no answer.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...
