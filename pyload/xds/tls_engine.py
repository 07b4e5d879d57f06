"""TLS of one connection, from bytes to bytes.

Event loops keep half a megabyte of buffers for each connection over TLS. Here OpenSSL works on two
buffers in memory, one for each direction, which its owner fills from the socket and empties into
it. What arrives is decrypted a record at a time into a buffer that all connections share.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import RemoteProtocolError
from pyload.xds.http2.foreign import MAX_HEAD, in_words, is_text

if TYPE_CHECKING:
    from collections.abc import Callable

TLS_PIECE_BYTES: Final = 6 << 10
"""The TLS piece size: bytes that go into OpenSSL at a time.

Its buffers grow to this size and never shrink. Of 10,000 proxies that are quiet again each holds
48 KB; with 8 KiB, half a record, it is 59 KB, and to decrypt a push takes a fifth less CPU.
"""


class TlsEngine:
    """The client's side of TLS on one connection.

    Args:
        context: How to speak TLS, with ALPN ``h2``.
        name: Name that the server's certificate must have, if the context checks it; not empty.

    Attributes:
        ready: Whether the handshake is over.
        ended: Whether the server has announced that it sends no more.
    """

    __slots__ = ("_in", "_object", "_out", "ended", "ready")

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        try:
            self._object = context.wrap_bio(self._in, self._out, server_hostname=name)
        except ValueError as error:
            raise RemoteProtocolError(f"TLS: {error}") from error
        self.ready = False
        self.ended = False

    def begin(self) -> None:
        """Begin the handshake.

        After this call you must send `outgoing`.

        Raises:
            RemoteProtocolError: OpenSSL cannot begin, for example with this context.
        """
        try:
            self._handshake()
        except ssl.SSLError as error:
            raise RemoteProtocolError(f"TLS: {_reason(error)}") from error

    def receive(
        self, data: memoryview, plain: memoryview, on_plain: Callable[[memoryview], None]
    ) -> None:
        """Decrypt received bytes, or go on with the handshake.

        After this call you must send `outgoing`.

        Args:
            data: The bytes; their buffer may be used again after this call.
            plain: The buffer to decrypt into.
            on_plain: Is called with each piece of `plain`, which is overwritten after that.

        Raises:
            RemoteProtocolError: The server cannot be trusted, or broke TLS.
        """
        try:
            for start in range(0, len(data), TLS_PIECE_BYTES):
                if self.ended:
                    return
                self._in.write(data[start : start + TLS_PIECE_BYTES])
                if not self.ready:
                    self._handshake()
                if self.ready:
                    self._decrypt(plain, on_plain)
        except ssl.SSLError as error:
            text = f"TLS: {_reason(error)}"
            if not self.ready and is_text(first := bytes(data[:MAX_HEAD])):
                text += f", as the answer is {in_words(first)}"
            raise RemoteProtocolError(text) from error

    def encrypt(self, data: bytes, send: Callable[[bytes], object]) -> None:
        """Encrypt bytes and send them.

        Raises:
            RemoteProtocolError: The server broke TLS.
        """
        view = memoryview(data)
        try:
            # In pieces, since OpenSSL's buffer never shrinks again.
            for start in range(0, len(view), TLS_PIECE_BYTES):
                self._object.write(view[start : start + TLS_PIECE_BYTES])
                send(self._out.read())
        except ssl.SSLError as error:
            raise RemoteProtocolError(f"TLS: {_reason(error)}") from error

    def outgoing(self) -> bytes:
        """Return the bytes that the handshake has to send; empty if there are none."""
        return self._out.read()

    def end(self, send: Callable[[bytes], object]) -> None:
        """Send the server the end of TLS, and do not wait for its answer."""
        try:
            self._object.unwrap()
        except ssl.SSLError:
            # It has not answered yet, or the handshake has not come so far, or has failed.
            self.ended = True
        if data := self._out.read():
            send(data)

    def _handshake(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        if self._object.selected_alpn_protocol() != "h2":
            raise RemoteProtocolError("TLS: the server does not choose HTTP/2 (ALPN h2)")
        self.ready = True

    def _decrypt(self, plain: memoryview, on_plain: Callable[[memoryview], None]) -> None:
        # With a buffer it gives a number, which its stub does not say.
        read: Any = self._object.read
        size = len(plain)
        try:
            while self._in.pending or self._object.pending():
                count = read(size, plain)
                if not count:
                    self.ended = True
                    return
                on_plain(plain[:count])
        except ssl.SSLWantReadError:
            return
        except ssl.SSLZeroReturnError:
            self.ended = True


def _reason(error: ssl.SSLError) -> str:
    """Return an error of OpenSSL in plain words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    return (error.reason or str(error)).lower().replace("_", " ")
