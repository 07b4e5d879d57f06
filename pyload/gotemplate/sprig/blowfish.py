"""The bcrypt hash of passwords.

Python has none. The C library of most Linux systems has, and takes a twentieth of a second; in
Python a hash takes several seconds, as bcrypt is made to be slow.
"""

from __future__ import annotations

import base64
import ctypes
from functools import cache
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable

_ALPHABET: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_STANDARD: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_WORDS: Final = 18 + 4 * 256
_MASK: Final = 0xFFFFFFFF
_ROUNDS: Final = tuple((index, index + 1) for index in range(1, 17, 2))
_MAGIC: Final = b"OrpheanBeholderScryDoubt"


def bcrypt(password: bytes, salt: bytes, cost: int) -> str:
    """Hash a password, in C where there is some; see `bcrypt_in_python`."""
    setting = f"$2a${cost:02}${_encoded(salt)}"
    crypt = _crypt()
    # C takes the password up to its first zero.
    answer = (
        crypt(password, setting.encode()) if crypt is not None and b"\0" not in password else b""
    )
    if answer and answer.startswith(setting.encode()[:-1]):
        return answer.decode()
    return bcrypt_in_python(password, salt, cost)


@cache
def _crypt() -> Callable[[bytes, bytes], bytes | None] | None:
    """The function crypt(3), or None if the system has none in a library of its own."""
    try:
        function = ctypes.CDLL("libcrypt.so.1").crypt
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    function.restype = ctypes.c_char_p
    return cast("Callable[[bytes, bytes], bytes | None]", function)


def bcrypt_in_python(password: bytes, salt: bytes, cost: int) -> str:
    """Hash a password.

    Args:
        password: At most 72 bytes.
        salt: 16 random bytes.
        cost: Logarithm of the number of rounds.

    Returns:
        The text that begins with ``$2a$``.
    """
    state = _State()
    key = _stretched(password + b"\0")
    state.expand(key, _stretched(salt, 4))
    salted = _stretched(salt)
    nothing = [0, 0, 0, 0]
    for _ in range(1 << cost):
        state.expand(key, nothing)
        state.expand(salted, nothing)
    words = [int.from_bytes(_MAGIC[index : index + 4], "big") for index in range(0, 24, 4)]
    for index in range(0, 6, 2):
        left, right = words[index], words[index + 1]
        for _ in range(64):
            left, right = state.encipher(left, right)
        words[index : index + 2] = left, right
    digest = b"".join(word.to_bytes(4, "big") for word in words)[:23]
    return f"$2a${cost:02}${_encoded(salt)}{_encoded(digest)}"


class _State:
    """The subkeys and boxes of Blowfish."""

    def __init__(self) -> None:
        words = _pi_words()
        self.subkeys = list(words[:18])
        self.boxes = tuple(list(words[start : start + 256]) for start in range(18, _WORDS, 256))

    def encipher(self, left: int, right: int) -> tuple[int, int]:
        keys, (a, b, c, d) = self.subkeys, self.boxes
        left ^= keys[0]
        # Nearly all the time goes here: two rounds a turn, and no calls.
        for one, other in _ROUNDS:
            right ^= (
                ((a[left >> 24] + b[left >> 16 & 255]) ^ c[left >> 8 & 255]) + d[left & 255]
            ) & _MASK ^ keys[one]
            left ^= (
                ((a[right >> 24] + b[right >> 16 & 255]) ^ c[right >> 8 & 255]) + d[right & 255]
            ) & _MASK ^ keys[other]
        return right ^ keys[17], left

    def expand(self, key: list[int], salt: list[int]) -> None:
        """Mix a key of 18 words and a salt of four into the state."""
        self.subkeys = [old ^ new for old, new in zip(self.subkeys, key, strict=True)]
        left = right = turn = 0
        for words in (self.subkeys, *self.boxes):
            for index in range(0, len(words), 2):
                left, right = self.encipher(left ^ salt[turn], right ^ salt[turn + 1])
                words[index] = left
                words[index + 1] = right
                turn ^= 2


def _stretched(data: bytes, count: int = 18) -> list[int]:
    """So many words of the data, repeated without end."""
    repeated = data * (4 * count // len(data) + 1)
    return [int.from_bytes(repeated[index : index + 4], "big") for index in range(0, 4 * count, 4)]


def _encoded(data: bytes) -> str:
    """Base64 with bcrypt's alphabet, and without padding."""
    text = base64.b64encode(data).decode().rstrip("=")
    return text.translate(str.maketrans(_STANDARD, _ALPHABET))


@cache
def _pi_words() -> tuple[int, ...]:
    """The first state of Blowfish: the digits of pi behind the point, 32 bits at a time."""
    bits = 32 * _WORDS + 64
    one = 1 << bits
    # Machin's formula.
    pi = 4 * (4 * _arctan(one, 5) - _arctan(one, 239))
    fraction = (pi - 3 * one) >> 64
    return tuple((fraction >> 32 * (_WORDS - 1 - index)) & _MASK for index in range(_WORDS))


def _arctan(one: int, inverse: int) -> int:
    """The arc tangent of the inverse of a number, in units of 1/one."""
    power = total = one // inverse
    square, divisor, sign = inverse * inverse, 1, 1
    while power:
        power //= square
        divisor += 2
        sign = -sign
        total += sign * (power // divisor)
    return total
