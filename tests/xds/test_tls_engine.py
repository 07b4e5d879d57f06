"""TLS from bytes to bytes, against Python's own as the server."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.errors import RemoteProtocolError
from pyload.xds.tls import TlsConfig
from pyload.xds.tls_engine import TlsEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "istiod.svc"
AUTHORITY = trustme.CA()


class Server:
    """The other end."""

    def __init__(self, *, alpn: Sequence[str] = ("h2",), name: str = NAME) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert(name).configure_cert(context)
        context.set_alpn_protocols(list(alpn))
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def shake(self) -> None:
        """Continue the handshake."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return

    def read(self) -> bytes:
        """Return the bytes that have come."""
        found = b""
        try:
            while data := self.tls.read(1 << 16):
                found += data
        except ssl.SSLWantReadError:
            return found
        return found


class Pair:
    """A client and a server."""

    def __init__(self, server: Server, tls: TlsConfig, *, size: int = 1 << 20) -> None:
        self.server = server
        self.engine = TlsEngine(tls.context(), tls.server_name)
        self.plain = memoryview(bytearray(1 << 14))
        self.received = b""
        self._size = size
        self.engine.begin()

    def take(self, piece: memoryview) -> None:
        """Keep a piece."""
        self.received += piece

    def shake(self) -> None:
        """Do the handshake."""
        for _ in range(4):
            self.server.incoming.write(self.engine.outgoing())
            self.server.shake()
            self.carry()

    def carry(self) -> None:
        """Carry over what the server has written, in pieces."""
        data = self.server.outgoing.read()
        for start in range(0, len(data), self._size):
            buffer = bytearray(data[start : start + self._size])
            self.engine.receive(memoryview(buffer), self.plain, self.take)
            buffer[:] = bytes(len(buffer))


VERIFIED = TlsConfig(AUTHORITY.cert_pem.bytes(), NAME)


@settings(max_examples=20)
@given(
    lengths=st.lists(st.sampled_from([1, 100, 16_383, 16_384, 16_385, 200_000]), max_size=5),
    size=st.integers(700, 300_000),
)
def test_bytes_pass_whole_in_both_directions(lengths: list[int], size: int) -> None:
    """Records end where reads do not."""
    pair = Pair(Server(), VERIFIED, size=size)
    pair.shake()
    assert pair.engine.ready
    sent = [bytes([number]) * length for number, length in enumerate(lengths)]
    for data in sent:
        pair.server.tls.write(data)
        pair.engine.encrypt(data, pair.server.incoming.write)
    pair.carry()
    assert pair.received == b"".join(sent)
    assert pair.server.read() == b"".join(sent)


def test_records_that_come_with_the_end_of_the_handshake_are_read() -> None:
    """A server of TLS 1.2 may greet in the same packet; the greeting would be lost."""
    server = Server()
    server.tls.context.maximum_version = ssl.TLSVersion.TLSv1_2
    pair = Pair(server, VERIFIED)
    server.incoming.write(pair.engine.outgoing())
    server.shake()
    pair.carry()
    server.incoming.write(pair.engine.outgoing())
    server.shake()
    server.tls.write(b"hello")
    pair.carry()
    assert (pair.engine.ready, pair.received) == (True, b"hello")


def test_the_end_is_told_both_ways() -> None:
    """Without it a broken connection cannot be told from a closed one."""
    pair = Pair(Server(), VERIFIED)
    pair.shake()
    pair.engine.end(pair.server.incoming.write)
    assert pair.server.tls.read(10) == b""
    pair = Pair(Server(), VERIFIED)
    pair.shake()
    pair.server.tls.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        pair.server.tls.unwrap()
    pair.carry()
    assert (pair.engine.ended, pair.received) == (True, b"last")
    pair.engine.receive(memoryview(b"more"), pair.plain, pair.take)
    assert pair.received == b"last"


def test_a_seal_ends_before_its_handshake_too() -> None:
    """A proxy can be stopped while it connects."""
    pair = Pair(Server(), VERIFIED)
    sent: list[bytes] = []
    pair.engine.outgoing()
    pair.engine.end(sent.append)
    assert not pair.engine.ready


@pytest.mark.parametrize(
    ("server", "tls", "said"),
    [
        (Server(name="other.svc"), VERIFIED, "Hostname mismatch"),
        (Server(), TlsConfig(trustme.CA().cert_pem.bytes(), NAME), "unable to get local issuer"),
        (Server(alpn=["http/1.1"]), VERIFIED, "does not choose HTTP/2"),
        (Server(alpn=[]), VERIFIED, "does not choose HTTP/2"),
    ],
    ids=["name", "issuer", "HTTP/1", "no ALPN"],
)
def test_a_server_that_is_not_the_right_one_is_refused(
    server: Server, tls: TlsConfig, said: str
) -> None:
    """A run would send its tokens to anybody."""
    pair = Pair(server, tls)
    with pytest.raises(RemoteProtocolError, match=said):
        pair.shake()
    assert not pair.engine.ready


@pytest.mark.parametrize("late", [False, True])
def test_garbage_is_refused(*, late: bool) -> None:
    """A plaintext port is a frequent mistake."""
    pair = Pair(Server(), VERIFIED)
    if late:
        pair.shake()
    with pytest.raises(RemoteProtocolError, match="TLS: "):
        pair.engine.receive(memoryview(b"HTTP/1.1 400 Bad Request\r\n"), pair.plain, pair.take)


def test_a_verified_server_needs_a_name() -> None:
    """OpenSSL's refusal would end the process."""
    context = VERIFIED.context()
    with pytest.raises(RemoteProtocolError, match="TLS: "):
        TlsEngine(context, "")
