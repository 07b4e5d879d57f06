"""Streams over grpc.aio: the reference transport.

Every stream has its own channel and so its own TCP connection, as every real proxy has. Messages
pass as bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import ssl
import weakref
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from grpc._cython import cygrpc

from pyload.errors import StreamError
from pyload.xds.transport import Status

if TYPE_CHECKING:
    from collections.abc import MutableSet

    from pyload.xds.transport import Metadata

DIAL_SECONDS: Final = 5.0

_DISTRIBUTION: Final = "pyload-istio"
_EOF: Final[Any] = vars(grpc.aio)["EOF"]


class GrpcTransport:
    """Opens streams to one xDS server.

    Args:
        target: ``HOST:PORT``.
        tls: Whether to speak TLS. The server is not verified, as in pilot-load: whatever
            certificate it first shows is trusted, until a dial fails.
    """

    def __init__(self, target: str, *, tls: bool = False) -> None:
        self._target = target
        self._trust = _Trust(target) if tls else None
        self._streams: MutableSet[GrpcStream] = weakref.WeakSet()
        self._options: tuple[tuple[str, Any], ...] = (
            # Equal channels would share one connection otherwise.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.enable_retries", 0),
            ("grpc.service_config_disable_resolution", 1),
            # The core gives up a connection then, even where the channel is long closed.
            ("grpc.min_reconnect_backoff_ms", int(DIAL_SECONDS * 1000)),
            ("grpc.primary_user_agent", _user_agent()),
        )

    async def open(self, method: str, *, metadata: Metadata) -> GrpcStream:
        """Open a connection and a stream on it; see `pyload.xds.transport.Transport`.

        Raises:
            StreamError: There was no connection within 5 s, or the server refused the stream.
        """
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                return await self._open(method, metadata)
        except TimeoutError as error:
            raise _unavailable(f"no connection to {self._target} in {DIAL_SECONDS:g} s") from error

    async def _open(self, method: str, metadata: Metadata) -> GrpcStream:
        channel = await self._channel()
        try:
            call = channel.stream_stream(method)(metadata=metadata, wait_for_ready=False)
            await call.wait_for_connection()
        except grpc.aio.AioRpcError as error:
            await self._give_up(channel)
            raise _stream_error(error) from error
        except BaseException:
            await self._give_up(channel)
            raise
        stream = GrpcStream(channel, call)
        self._streams.add(stream)
        return stream

    async def aclose(self) -> None:
        """Close all streams that are still open."""
        for stream in list(self._streams):
            await stream.aclose()

    # Type stubs of grpc.aio, where there are some, do not fit it: channels and calls are Any.

    async def _channel(self) -> Any:
        if self._trust is None:
            return grpc.aio.insecure_channel(self._target, options=self._options)
        credentials, name = await self._trust.get()
        override = (("grpc.ssl_target_name_override", name),) if name else ()
        return grpc.aio.secure_channel(
            self._target, credentials, options=(*self._options, *override)
        )

    async def _give_up(self, channel: Any) -> None:
        # An unclosed channel would go on dialling for ever.
        await channel.close()
        if self._trust is not None:
            # The server may have a new certificate.
            self._trust.forget()


class GrpcStream:
    """One stream with its own channel; see `pyload.xds.transport.Stream`."""

    __slots__ = ("__weakref__", "_call", "_channel", "_closed", "status")

    def __init__(self, channel: Any, call: Any) -> None:
        self._channel = channel
        self._call = call
        self._closed = False
        self.status: Status | None = None

    async def send(self, message: bytes) -> None:
        """Send one message.

        Raises:
            StreamError: The stream has ended.
        """
        try:
            if self._call.done():
                raise asyncio.InvalidStateError("the stream has ended")
            # Not `write`: when that fails, it puts INTERNAL in the place of the status that the
            # server gave, and istiod's limiter could no longer be told from a broken server.
            await self._call._cython_call.send_serialized_message(message)  # noqa: SLF001
        except (cygrpc.InternalError, asyncio.InvalidStateError) as error:
            status = await self._end()
            raise StreamError(code=status.code, name=status.name, message=status.message) from error

    async def recv(self) -> bytes | None:
        """Wait for the next message; None once the stream has ended."""
        if self.status is not None:
            return None
        message: Any
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError:
            message = _EOF
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                return None
            raise
        if message is _EOF:
            await self._end()
            return None
        return bytes(message)

    async def aclose(self) -> None:
        """Close the stream and its connection."""
        if not self._closed:
            self._closed = True
            self._call.cancel()
            if self.status is None:
                self.status = _status(grpc.StatusCode.CANCELLED, "closed by pyload")
            await self._channel.close()

    async def _end(self) -> Status:
        if self.status is None:
            self.status = _status(await self._call.code(), await self._call.details())
        return self.status


class _Trust:
    """The certificate that a server shows, made into credentials that trust exactly it."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._lock = asyncio.Lock()
        self._known: tuple[grpc.ChannelCredentials, str] | None = None

    async def get(self) -> tuple[grpc.ChannelCredentials, str]:
        """Give credentials, and a name that the certificate is valid for, or an empty one.

        Raises:
            StreamError: The server shows no certificate.
        """
        async with self._lock:
            if self._known is None:
                certificate = await self._fetch()
                self._known = (
                    grpc.ssl_channel_credentials(
                        ssl.DER_cert_to_PEM_cert(certificate).encode("ascii")
                    ),
                    _valid_name(certificate),
                )
            return self._known

    def forget(self) -> None:
        """Ask the server anew next time."""
        self._known = None

    async def _fetch(self) -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        host, _, port = self._target.rpartition(":")
        try:
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
        except (OSError, ValueError) as error:
            raise _unavailable(f"no TLS connection to {self._target}: {error}") from error
        try:
            shown: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            # Waiting for the server to confirm the end would only cost time.
            writer.transport.abort()
        if not shown:
            raise _unavailable(f"{self._target} shows no certificate")
        return shown


def _valid_name(certificate: bytes) -> str:
    """Choose a name for which the handshake will accept a DER certificate."""
    from cryptography import x509  # noqa: PLC0415 - plaintext runs do without

    parsed = x509.load_der_x509_certificate(certificate)
    subjects: list[str] = []
    with contextlib.suppress(x509.ExtensionNotFound):
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        subjects += names.get_values_for_type(x509.DNSName)
        subjects += map(str, names.get_values_for_type(x509.IPAddress))
    subjects += (
        str(one.value) for one in parsed.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    )
    return subjects[0].replace("*", "any", 1) if subjects else ""


def _status(code: grpc.StatusCode, message: str | None) -> Status:
    return Status(code=code.value[0], name=code.name, message=message or "")


def _stream_error(error: grpc.aio.AioRpcError) -> StreamError:
    status = _status(error.code(), error.details())
    return StreamError(code=status.code, name=status.name, message=status.message)


def _unavailable(message: str) -> StreamError:
    code = grpc.StatusCode.UNAVAILABLE
    return StreamError(code=code.value[0], name=code.name, message=message)


def _user_agent() -> str:
    try:
        return f"pyload/{importlib.metadata.version(_DISTRIBUTION)}"
    except importlib.metadata.PackageNotFoundError:
        return "pyload"
