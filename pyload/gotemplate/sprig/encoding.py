"""Base64, base32 and check sums."""

from __future__ import annotations

import base64
import hashlib
import zlib
from functools import partial
from typing import TYPE_CHECKING, Final

from pyload.gotemplate.functions import Function
from pyload.gotemplate.sprig.bounds import check_work
from pyload.gotemplate.values import from_utf8, utf8

if TYPE_CHECKING:
    from collections.abc import Callable

_BASE64: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_BASE32: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
# So many digits in the last group make no whole byte.
_BASE32_BAD_ENDS: Final = (3, 6)


class Corrupt(ValueError):  # noqa: N818 - Go's word
    """Raised when an encoded text is damaged.

    Args:
        base: ``base64`` or ``base32``.
        position: Index of the first byte that is wrong.
    """

    def __init__(self, base: str, position: int) -> None:
        super().__init__(f"illegal {base} data at input byte {position}")


def decode_base64(text: str) -> bytes:
    """Decode base64 with padding; line ends are skipped.

    Raises:
        Corrupt: It is damaged.
    """
    check_work(len(text))
    data = utf8(text)
    # Go names the byte at which it stops: count in the text with line ends, decide without.
    places = [index for index, byte in enumerate(data) if byte not in b"\r\n"]
    plain = next((n for n, index in enumerate(places) if data[index] not in _BASE64), len(places))
    within = plain % 4
    if plain < len(places):
        _check_padding(data, places[plain:], within)
    elif within:
        raise Corrupt("base64", len(data) - within)
    return base64.b64decode(data)


def _check_padding(data: bytes, places: list[int], within: int) -> None:
    """Look at what follows the digits, of which so many are in the last group of four."""
    size = 4 - within
    if data[places[0]] != ord("=") or within < 2:
        raise Corrupt("base64", places[0])
    for index in places[1:size]:
        if data[index] != ord("="):
            raise Corrupt("base64", index - 1)
    if len(places) < size:
        raise Corrupt("base64", len(data))
    if len(places) > size:
        raise Corrupt("base64", places[size])


def decode_base32(text: str) -> bytes:
    """Decode base32 with padding; line ends are skipped, and so is what follows the padding.

    Raises:
        Corrupt: It is damaged.
    """
    check_work(len(text))
    data = utf8(text).translate(None, b"\r\n")
    for start in range(0, len(data), 8):
        group = data[start : start + 8]
        plain = next((n for n, byte in enumerate(group) if byte not in _BASE32), len(group))
        if plain == 8:
            continue
        if plain == len(group):
            raise Corrupt("base32", start)
        left = len(data) - start - plain
        if group[plain] != ord("=") or plain < 2 or left > 8:
            raise Corrupt("base32", start + plain)
        if left < 8 - plain:
            raise Corrupt("base32", len(data))
        for index in range(start + plain + 1, start + 8):
            if data[index] != ord("="):
                raise Corrupt("base32", index - 1)
        if plain in _BASE32_BAD_ENDS:
            raise Corrupt("base32", start + plain)
        return base64.b32decode(data[: start + 8])
    return base64.b32decode(data)


def _decoded(decode: Callable[[str], bytes], text: str) -> str:
    try:
        return from_utf8(decode(text))
    except Corrupt as error:
        return str(error)


FUNCTIONS: Final = (
    Function("b64enc", lambda text: base64.b64encode(utf8(text)).decode(), ("string",)),
    Function("b64dec", partial(_decoded, decode_base64), ("string",)),
    Function("b32enc", lambda text: base64.b32encode(utf8(text)).decode(), ("string",)),
    Function("b32dec", partial(_decoded, decode_base32), ("string",)),
    Function(
        "sha1sum",
        lambda text: hashlib.sha1(utf8(text), usedforsecurity=False).hexdigest(),
        ("string",),
    ),
    Function("sha256sum", lambda text: hashlib.sha256(utf8(text)).hexdigest(), ("string",)),
    Function("sha512sum", lambda text: hashlib.sha512(utf8(text)).hexdigest(), ("string",)),
    Function("adler32sum", lambda text: str(zlib.adler32(utf8(text))), ("string",)),
)
