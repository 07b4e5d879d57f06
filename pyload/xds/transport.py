"""What the xDS client needs of whatever carries its stream.

`pyload.xds.grpc_transport` implements it with grpc.aio, and the embedded control plane in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

SERVICE: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService"
SOTW_METHOD: Final = f"{SERVICE}/StreamAggregatedResources"
DELTA_METHOD: Final = f"{SERVICE}/DeltaAggregatedResources"

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Status:
    """How a stream ended.

    Attributes:
        code: gRPC status code, 0 to 16.
        name: Its name, such as ``UNAVAILABLE``.
        message: ``grpc-message``; may be empty.
    """

    code: int
    name: str
    message: str


class Stream(Protocol):
    """One bidirectional gRPC stream of whole messages, on its own connection."""

    @property
    def status(self) -> Status | None:
        """How the stream ended; None while it is open."""
        ...

    async def send(self, message: bytes) -> None:
        """Send one message.

        Raises:
            StreamError: The stream has ended.
        """
        ...

    async def recv(self) -> bytes | None:
        """Wait for the next message; None once the stream has ended, and `status` says how."""
        ...

    async def aclose(self) -> None:
        """Close the stream and its connection; afterwards `recv` gives None."""
        ...


class Transport(Protocol):
    """Opens streams to one xDS server."""

    async def open(self, method: str, *, metadata: Metadata) -> Stream:
        """Open a connection and a stream on it.

        Args:
            method: Full gRPC method, such as `DELTA_METHOD`.
            metadata: Headers of the call, names in lower case.

        Raises:
            StreamError: No connection, or the server refused the stream.
        """
        ...
