"""The interface between the xDS client and the transports of its streams.

`pyload.xds.lean` implements it on bare sockets, `pyload.xds.grpc_transport` with grpc.aio, and the
embedded control plane in memory. All of it is callbacks: a task for each of ten thousand waiting
streams would cost more than their protocol.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from pyload.xds.messages import Message

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
        broken: Whether the connection broke, so that the server said nothing of this.
    """

    code: int
    name: str
    message: str
    broken: bool = field(default=False, compare=False)


CANCELLED: Final = Status(1, "CANCELLED", "closed by pyload")
"""The end of a stream that this side has closed."""

NO_SIGN_OF_LIFE: Final = "keepalive: "
"""Begins the message of an UNAVAILABLE stream whose peer gave no sign of life."""


class Sink(Protocol):
    """The receiving side of a stream; called on the event loop, and must not block."""

    def opened(self) -> None:
        """Handle the opening of the stream, its connection being ready."""

    def message(self, message: Message) -> None:
        """Handle one whole message.

        Raises:
            RemoteProtocolError: It breaks the protocol; the transport closes the stream, and
                `closed` says why.
        """

    def closed(self, status: Status) -> None:
        """Handle the end of the stream, whose connection is closed; nothing is called afterwards.

        A stream that could not be opened is closed without having been opened.
        """


class Stream(Protocol):
    """One bidirectional gRPC stream of whole messages, on its own connection."""

    def send(self, message: bytes) -> None:
        """Send one message as soon as the peer accepts it; drop it if the stream has ended."""
        ...

    def close(self, status: Status = CANCELLED) -> None:
        """End the stream and its connection from this side; `Sink.closed` follows with `status`.

        Never calls the sink before it returns. Closing again does nothing.
        """
        ...

    def pause(self) -> None:
        """Read no further: the peer's window is not renewed, and no message comes."""
        ...

    def resume(self) -> None:
        """Read on after `pause`."""
        ...


class Transport(Protocol):
    """Opens streams to one xDS server."""

    def open(self, method: str, *, metadata: Metadata, sink: Sink) -> Stream:
        """Start to open a connection and a stream on it, which reports to the sink.

        Never fails and never calls the sink before it returns.

        Args:
            method: Full gRPC method, such as `DELTA_METHOD`.
            metadata: Headers of the call, names in lower case.
            sink: Receives what comes.
        """
        ...

    async def aclose(self) -> None:
        """Wait until the connections of all closed streams are gone, and free what is shared."""
        ...
