"""URLs, taken apart and put together as Go's net/url does."""

from __future__ import annotations

import ipaddress
import re
import string
from dataclasses import dataclass
from typing import Any, Final

from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.quoting import quote
from pyload.gotemplate.values import from_utf8, kind_of, utf8

_UNRESERVED: Final = frozenset((string.ascii_letters + string.digits + "-_.~").encode())
# Bytes that stay as they are in each part.
_PATH: Final = _UNRESERVED | frozenset(b"$&+,/:;=@")
_FRAGMENT: Final = _UNRESERVED | frozenset(b"$&+,/:;=?@!()*")
_USER: Final = _UNRESERVED | frozenset(b";&=+$,")
_HOST: Final = _UNRESERVED | frozenset(b"!$&'()*+,;=:[]<>\"")
_USERINFO: Final = frozenset(string.ascii_letters + string.digits + "-._:~!$&'()*+,;=%@")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PORT: Final = re.compile(r"(?::[0-9]*)?\Z")
_ESCAPE: Final = re.compile(rb"%([0-9a-fA-F]{2})?")


class _Invalid(ValueError):  # noqa: N818 - reads as a state
    """A text is no URL."""


@dataclass(frozen=True, slots=True)
class _Url:
    scheme: str = ""
    opaque: str = ""
    user: tuple[str, str | None] | None = None
    host: str = ""
    path: str = ""
    query: str = ""
    fragment: str = ""


def _escape(text: str, kept: frozenset[int]) -> str:
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in utf8(text))


def _unescape(text: str) -> str:
    def replaced(match: re.Match[bytes]) -> bytes:
        if match[1] is None:
            shown = from_utf8(data[match.start() : match.start() + 3])
            raise _Invalid(f"invalid URL escape {quote(shown)}")
        return bytes([int(match[1], 16)])

    data = utf8(text)
    return from_utf8(_ESCAPE.sub(replaced, data))


def _unescape_host(text: str, *, zone: bool = False) -> str:
    """Escapes in a host are for what is not ASCII; in a zone, for what a host may hold too."""
    data = utf8(text)
    for match in _ESCAPE.finditer(data):
        byte = int(match[1] or b"80", 16)
        refused = byte != 0x20 and byte not in _HOST if zone else byte < 0x80
        if match[1] is not None and byte != ord("%") and refused:
            raise _Invalid(f"invalid URL escape {quote(match[0].decode())}")
    for byte in _ESCAPE.sub(b"", data):
        if byte < 0x80 and byte not in _HOST:
            raise _Invalid(f"invalid character {quote(chr(byte))} in host name")
    return _unescape(text)


def _parse_host(host: str) -> str:
    if host.rfind("[") > 0:
        raise _Invalid("invalid IP-literal")
    if host.startswith("["):
        return _parse_literal(host)
    # Lists of hosts with ports are let through, as databases have them.
    _, colon, port = host.rpartition(":")
    if colon and not _PORT.match(colon + port):
        raise _Invalid(f"invalid port {quote(colon + port)} after host")
    return _unescape_host(host)


def _parse_literal(host: str) -> str:
    """Read ``[address]:port``."""
    address, bracket, port = host[1:].rpartition("]")
    if not bracket:
        raise _Invalid("missing ']' in host")
    if not _PORT.match(port):
        raise _Invalid(f"invalid port {quote(port)} after host")
    name, percent, zone = address.partition("%25")
    name = _unescape_host(name) + _unescape_host(percent + zone, zone=True)
    try:
        version = ipaddress.ip_address(name).version
    except ValueError as error:
        raise _Invalid(f"invalid host: ParseAddr({quote(name)}): unable to parse IP") from error
    if version == 4:
        raise _Invalid("invalid IP-literal")
    return f"[{name}]{port}"


def _parse_authority(text: str) -> tuple[tuple[str, str | None] | None, str]:
    userinfo, at, host = text.rpartition("@")
    parsed = _parse_host(host)
    if not at:
        return None, parsed
    if not _USERINFO.issuperset(userinfo):
        raise _Invalid("net/url: invalid userinfo")
    name, colon, password = userinfo.partition(":")
    return (_unescape(name), _unescape(password) if colon else None), parsed


def _parse(text: str) -> _Url:
    before, _, fragment = text.partition("#")
    try:
        url = _parse_plain(before)
    except _Invalid as error:
        raise _Invalid(f"parse {quote(before)}: {error}") from error
    try:
        shown = _unescape(fragment)
    except _Invalid as error:
        raise _Invalid(f"parse {quote(text)}: {error}") from error
    return _Url(url.scheme, url.opaque, url.user, url.host, url.path, url.query, shown)


def _parse_plain(text: str) -> _Url:
    if any(char < " " or char == "\x7f" for char in text):
        raise _Invalid("net/url: invalid control character in URL")
    if text.startswith(":"):
        raise _Invalid("missing protocol scheme")
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else ""
    rest, _, query = text[match.end() if match else 0 :].partition("?")
    if not rest.startswith("/"):
        if scheme:
            return _Url(scheme, opaque=rest, query=query)
        if text == "*":
            return _Url(path="*")
        if ":" in rest.partition("/")[0]:
            raise _Invalid("first path segment in URL cannot contain colon")
    user, host = None, ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        user, host = _parse_authority(authority)
        rest = slash + path
    return _Url(scheme, user=user, host=host, path=_unescape(rest), query=query)


def _hostname(host: str) -> str:
    name, colon, port = host.rpartition(":")
    name = name if colon and _PORT.match(colon + port) else host
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def _userinfo(user: tuple[str, str | None] | None) -> str:
    if user is None:
        return ""
    name, password = user
    return _escape(name, _USER) + (":" + _escape(password, _USER) if password is not None else "")


def _url_parse(text: str) -> dict[str, Any]:
    try:
        url = _parse(text)
    except _Invalid as error:
        raise Failure(f"unable to parse url: {error}") from error
    return {
        "scheme": url.scheme,
        "host": url.host,
        "hostname": _hostname(url.host),
        "path": url.path,
        "query": url.query,
        "opaque": url.opaque,
        "fragment": url.fragment,
        "userinfo": _userinfo(url.user),
    }


def _entry(parts: dict[str, Any], key: str) -> str:
    value = parts.get(key, "")
    if not isinstance(value, str):
        if value is None:
            raise Failure("runtime error: invalid memory address or nil pointer dereference")
        what = f"must be of type string, but {kind_of(value)} found"
        raise Failure(f"unable to parse {key} key, {what}")
    return value


def _url_join(parts: dict[str, Any]) -> str:
    scheme, host, path, query, opaque, fragment = (
        _entry(parts, key) for key in ("scheme", "host", "path", "query", "opaque", "fragment")
    )
    userinfo = _entry(parts, "userinfo")
    user = None
    if userinfo:
        try:
            user = _parse(f"proto://{userinfo}@host").user
        except _Invalid as error:
            raise Failure(f"unable to parse userinfo in dict: {error}") from error
    text = f"{scheme}:" if scheme else ""
    if opaque:
        text += opaque
    else:
        if host or user is not None or (scheme and path):
            text += "//"
        text += f"{_userinfo(user)}@" if user is not None else ""
        text += _escape(host, _HOST)
        text += _joined_path(text, "*" if path == "*" else _escape(path, _PATH), host)
    text += f"?{query}" if query else ""
    return f"{text}#{_escape(fragment, _FRAGMENT)}" if fragment else text


def _joined_path(before: str, path: str, host: str) -> str:
    if path and not path.startswith("/") and host:
        return f"/{path}"
    if not before and ":" in path.partition("/")[0]:
        return f"./{path}"  # or its first part would be taken for a scheme
    return path


FUNCTIONS: Final = (
    Function("urlParse", _url_parse, ("string",)),
    Function("urlJoin", _url_join, ("map",)),
)
