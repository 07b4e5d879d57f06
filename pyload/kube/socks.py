"""The client's side of SOCKS 5 (RFC 1928, with the passwords of RFC 1929), without a socket.

`handshake` is a generator: it yields what is to be sent, as bytes, or how many bytes are to be
read, and is sent these. When it returns, the connection is one to the server. Names are
resolved by the proxy, as Go has it for ``socks5`` and ``socks5h`` alike: inside of a company, the
proxy often knows names that others do not.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from pyload.kube.transport import ProxyError

if TYPE_CHECKING:
    from collections.abc import Generator

    from pyload.kube.proxy import Proxy

_VERSION: Final = 5
_NO_PASSWORD: Final = 0
_PASSWORD: Final = 2
_REFUSALS: Final = {
    1: "it failed",
    2: "its rules do not allow that",
    3: "the network is unreachable",
    4: "the host is unreachable",
    5: "connection refused",
    6: "the host is too far away",
    7: "it does not connect to servers",
    8: "it does not know this kind of address",
}
_IPV4: Final = 1
_NAME: Final = 3
_IPV6: Final = 4


def handshake(proxy: Proxy, host: str, port: int) -> Generator[bytes | int, bytes, None]:
    """Ask a proxy for a connection to a server.

    Raises:
        ProxyError: It refuses.
    """
    methods = [_NO_PASSWORD] if proxy.user is None else [_NO_PASSWORD, _PASSWORD]
    yield bytes([_VERSION, len(methods), *methods])
    version, method = yield 2
    if version != _VERSION:
        raise ProxyError("does not speak SOCKS 5")
    if method == _PASSWORD and proxy.user is not None:
        yield from _log_in(*proxy.user)
    elif method != _NO_PASSWORD:
        wanted = "refuses the user and password" if proxy.user else "wants a user and a password"
        raise ProxyError(wanted)
    yield bytes([_VERSION, 1, 0]) + _address(host) + port.to_bytes(2, "big")
    _, answer, _, kind = yield 4
    if answer != 0:
        reason = _REFUSALS.get(answer, f"code {answer}")
        # What the network is like now may change.
        raise ProxyError(f"did not connect: {reason}", lasting=answer in (2, 7, 8))
    length = {_IPV4: 4, _IPV6: 16}.get(kind) or (yield 1)[0]
    yield length + 2


def _log_in(user: bytes, password: bytes) -> Generator[bytes | int, bytes, None]:
    if not 0 < len(user) < 256 or len(password) > 255:
        raise ProxyError("cannot be given this user and password: they are too short or too long")
    yield bytes([1, len(user)]) + user + bytes([len(password)]) + password
    _, status = yield 2
    if status != 0:
        raise ProxyError("refuses the user and password")


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("ascii" if host.isascii() else "idna")
        if len(name) > 255:
            raise ProxyError("cannot be asked for a name this long") from None
        return bytes([_NAME, len(name)]) + name
    return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed
