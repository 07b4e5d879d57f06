"""Channels of grpc.aio: one connection each, plain or over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio

from pyload.errors import StreamError
from pyload.version import USER_AGENT
from pyload.xds import keepalive
from pyload.xds.tcp import dial

if TYPE_CHECKING:
    from pyload.xds.tls import TlsConfig

DIAL_SECONDS: Final = 5.0


class GrpcChannels:
    """Creates channels to one server.

    A server that is not to be verified is trusted for whatever certificate it first shows, until
    `forget` is called: grpc knows no other way.

    Args:
        target: ``HOST:PORT``.
        tls: How to speak TLS; None for plaintext.
    """

    def __init__(self, target: str, tls: TlsConfig | None) -> None:
        self._target = target
        self._tls = tls
        self._shown = _Shown(target) if tls is not None and not tls.roots else None
        self._options: tuple[tuple[str, Any], ...] = (
            # Equal channels would share one connection otherwise.
            ("grpc.use_local_subchannel_pool", 1),
            # Neither transport goes through a proxy of the environment.
            ("grpc.enable_http_proxy", 0),
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.enable_retries", 0),
            ("grpc.service_config_disable_resolution", 1),
            # The core gives up a connection then, even where the channel is long closed.
            ("grpc.min_reconnect_backoff_ms", int(DIAL_SECONDS * 1000)),
            ("grpc.primary_user_agent", USER_AGENT),
            # As Istio's agent has them, see `pyload.xds.keepalive`.
            ("grpc.keepalive_time_ms", int(keepalive.PING_SECONDS * 1000)),
            ("grpc.keepalive_timeout_ms", int(keepalive.ANSWER_SECONDS * 1000)),
            # The core waits a minute for any PING otherwise, one of the keepalive too.
            ("grpc.http2.ping_timeout_ms", int(keepalive.ANSWER_SECONDS * 1000)),
            # It sends two at most without a message in between otherwise.
            ("grpc.http2.max_pings_without_data", 0),
        )

    # Type stubs of grpc.aio, where there are some, do not fit it: channels and calls are Any.

    async def new(self) -> Any:
        """Return a new channel, which the caller closes.

        Raises:
            StreamError: The server shows no certificate.
        """
        tls = self._tls
        if tls is None:
            return grpc.aio.insecure_channel(self._target, options=self._options)
        roots, name = tls.roots, tls.server_name
        if self._shown is not None:
            roots, name = await self._shown.get()
        own = tls.certificate
        credentials = grpc.ssl_channel_credentials(
            roots,
            private_key=None if own is None else own.key,
            certificate_chain=None if own is None else own.chain,
        )
        override = (("grpc.ssl_target_name_override", name),) if name else ()
        return grpc.aio.secure_channel(
            self._target, credentials, options=(*self._options, *override)
        )

    def forget(self) -> None:
        """Forget the server's certificate after a failed connection: it may have a new one."""
        if self._shown is not None:
            self._shown.known = None


class _Shown:
    """The certificate that a server shows, to be trusted as it is.

    Attributes:
        known: The certificate in PEM, and a name that it is valid for or an empty one.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._lock = asyncio.Lock()
        self.known: tuple[bytes, str] | None = None

    async def get(self) -> tuple[bytes, str]:
        """Return the certificate and its name, fetched unless they are known.

        Raises:
            StreamError: The server shows no certificate.
        """
        async with self._lock:
            if self.known is None:
                certificate = await self._fetch()
                pem = ssl.DER_cert_to_PEM_cert(certificate).encode("ascii")
                self.known = pem, _valid_name(certificate)
            return self.known

    async def _fetch(self) -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        host, _, port = self._target.rpartition(":")
        try:
            host = host.strip("[]")
            sock = await dial((host, int(port)))
            # Any name will do, as none is checked.
            _, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=host)
        except (OSError, ValueError) as error:
            raise unavailable(f"no TLS connection to {self._target}: {error}") from error
        try:
            shown: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            # Waiting for the server to confirm the end would only cost time.
            writer.transport.abort()
        if not shown:
            raise unavailable(f"{self._target} shows no certificate")
        return shown


def unavailable(message: str) -> StreamError:
    """Return the error of a server that cannot be reached."""
    code = grpc.StatusCode.UNAVAILABLE
    return StreamError(code=code.value[0], name=code.name, message=message)


def stream_error(error: grpc.aio.AioRpcError) -> StreamError:
    """Translate grpc's error."""
    code = error.code()
    return StreamError(code=code.value[0], name=code.name, message=error.details() or "")


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
