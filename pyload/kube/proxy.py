"""Which proxy a request to an API server goes through, decided as kubectl decides it.

A kubeconfig's ``proxy-url`` holds for every request to its cluster. Without one, the environment
counts: ``HTTPS_PROXY`` for https, ``HTTP_PROXY`` for http, and what ``NO_PROXY`` excludes goes
straight to its server. `_Exclusion` reads an entry of it as Go's ``httpproxy`` does, with which the
tests compare it.

A proxy's URL often holds a password. It is read into a `Proxy`, whose text has none, and no message
quotes a URL that could not be read.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes, urlsplit

from pyload.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SOCKS: Final = ("socks5", "socks5h")
_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_SUPPORTED: Final = "http, https, socks5 and socks5h"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and where it was named.

    Attributes:
        scheme: ``http``, ``https``, ``socks5`` or ``socks5h``.
        host: Name or address, an IPv6 address without brackets.
        user: User name and password for the proxy; None for none.
        source: The setting that names it, for messages.
    """

    scheme: str
    host: str
    port: int
    user: tuple[bytes, bytes] | None = field(repr=False)
    source: str

    def __str__(self) -> str:
        return host_and_port(self.host, self.port)

    @property
    def url(self) -> str:
        """The URL without user and password."""
        return f"{self.scheme}://{self}"

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers that an HTTP proxy wants to see; empty without a user."""
        if self.user is None:
            return {}
        return {
            "Proxy-Authorization": f"Basic {base64.b64encode(b':'.join(self.user)).decode('ascii')}"
        }


class ProxyRules:
    """Decides on the proxy for a URL.

    Args:
        proxy: The proxy of a kubeconfig's cluster, for every URL; None for the environment's.
        environ: Environment variables.
    """

    def __init__(self, proxy: Proxy | None, environ: Mapping[str, str]) -> None:
        self._proxy = proxy
        self._environ = environ
        self._exclusions = _exclusions(_variable(environ, "NO_PROXY")[1])

    def proxy_for(self, url: str) -> Proxy | None:
        """Return the proxy for an http or https URL; None for none.

        Raises:
            UsageError: The environment names one that cannot be used.
        """
        if self._proxy is not None:
            return self._proxy
        parts = urlsplit(url)
        name, text = _variable(self._environ, f"{parts.scheme.upper()}_PROXY")
        if not text or self._is_excluded(parts.hostname or "", parts.port or _PORTS[parts.scheme]):
            return None
        if parts.scheme == "http" and self._environ.get("REQUEST_METHOD"):
            raise UsageError(
                f"{name} is not used in a CGI program, where a request may have set it",
                fix="unset REQUEST_METHOD",
            )
        return parse(_with_scheme(text), name, (*SOCKS, "http", "https"))

    def _is_excluded(self, host: str, port: int) -> bool:
        host = _ascii(host.strip().lower())
        address = _address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return True
        return any(one.covers(host, port, address) for one in self._exclusions)


def parse(url: str, source: str, schemes: Iterable[str] = ("http", "https", "socks5")) -> Proxy:
    """Read the URL of a proxy.

    Args:
        url: May hold a user name and a password.
        source: The setting that it is from, for messages.
        schemes: Those that are allowed.

    Raises:
        UsageError: It cannot be used.
    """
    scheme, separator, _ = url.partition("://")
    scheme = scheme.lower()
    if not separator or not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
        raise UsageError(f"{source} is not the URL of a proxy", fix=_write(schemes))
    if scheme not in schemes:
        raise UsageError(
            f"{source} names a proxy of the kind {scheme}://, which is not supported",
            fix=_write(schemes),
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if not host or port == 0:
            raise ValueError
    except ValueError:
        # The text of the error quotes the URL.
        raise UsageError(f"{source} is not the URL of a proxy", fix=_write(schemes)) from None
    user = None
    if "@" in parts.netloc:
        user = unquote_to_bytes(parts.username or ""), unquote_to_bytes(parts.password or "")
    return Proxy(scheme, host, port or _PORTS[scheme], user, source)


def _write(schemes: Iterable[str]) -> str:
    *others, last = sorted(schemes)
    return (
        f"write http://HOST:PORT ({', '.join(others)} and {last} are supported), "
        "with %XX for special characters of a user or password"
    )


def host_and_port(host: str, port: int) -> str:
    """Return them as in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def without_secrets(url: str) -> str:
    """Return a URL for messages: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.scheme}://{host}{parts.path}" if host else parts.path


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the name that a variable is set by, in upper or lower case, and its value."""
    for one in (name, name.lower()):
        if environ.get(one):
            return one, environ[one]
    return name, ""


def _with_scheme(text: str) -> str:
    return text if "://" in text else f"http://{text}"


@dataclass(frozen=True, slots=True)
class _Exclusion:
    """An entry of NO_PROXY.

    Attributes:
        domain: What names end with, beginning with a dot; without it and `network`, all is meant.
        itself: Whether the domain itself is meant too.
        network: Addresses that are meant, for an entry that is no domain.
        port: The only port that is meant; empty for all.
    """

    domain: str = ""
    itself: bool = False
    network: Network | None = None
    port: str = ""

    def covers(self, host: str, port: int, address: Address | None) -> bool:
        if self.port and self.port != str(port):
            return False
        if self.network is not None:
            return address is not None and address in self.network
        if not self.domain:
            return True
        named = host.endswith(self.domain) or (self.itself and host == self.domain[1:])
        return named and address is None


_ALL: Final = _Exclusion()


def _exclusions(text: str) -> list[_Exclusion]:
    found = []
    for entry in text.split(","):
        one = entry.strip().lower()
        if one == "*":
            return [_ALL]
        if one and (exclusion := _exclusion(one)) is not None:
            found.append(exclusion)
    return found


def _exclusion(entry: str) -> _Exclusion | None:
    if "/" in entry and (network := _network(entry)) is not None:
        return _Exclusion(network=network)
    host, port = _split(entry)
    if (address := _address(host)) is not None:
        return _Exclusion(network=ipaddress.ip_network(address), port=port)
    host = _ascii(host.removeprefix("*") if host.startswith("*.") else host)
    if not host:
        return None
    if host.startswith("."):
        return _Exclusion(domain=host, port=port)
    return _Exclusion(domain=f".{host}", itself=True, port=port)


def _split(entry: str) -> tuple[str, str]:
    """Split a port off, if there is one; an IPv6 address with a port has brackets."""
    bracketed = re.fullmatch(r"\[([^\[\]]*)\]:([^:\[\]]*)", entry)
    if bracketed:
        return bracketed[1], bracketed[2]
    plain = re.fullmatch(r"([^:\[\]]*):([^:\[\]]*)", entry)
    return (plain[1], plain[2]) if plain else (entry, "")


def _network(text: str) -> Network | None:
    address, _, length = text.partition("/")
    if not re.fullmatch(r"[0-9]{1,6}", length) or "%" in address:
        return None
    try:
        network = ipaddress.ip_network(f"{address}/{int(length)}", strict=False)
    except ValueError:
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return ipaddress.ip_network((mapped, network.prefixlen - 96))
    return network


def _address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # An address with a zone counts as a name.
        return None if address.scope_id else address.ipv4_mapped or address
    return address


def _ascii(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return host
