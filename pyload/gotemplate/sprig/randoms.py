"""Random texts and numbers."""

from __future__ import annotations

import base64
import string
import uuid
from typing import TYPE_CHECKING, Final

from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.sprig.bounds import check_text, check_work
from pyload.gotemplate.sprig.runes import runes

if TYPE_CHECKING:
    from random import Random

    from pyload.gotemplate.sprig.surroundings import Surroundings

# As sprig does: from space to z.
_ASCII: Final = "".join(map(chr, range(0x20, 0x7B)))


def functions(surroundings: Surroundings) -> tuple[Function, ...]:
    """The functions, with a source of chance."""
    random = surroundings.random
    return (
        _text(random, "randAlphaNum", string.ascii_letters + string.digits),
        _text(random, "randAlpha", string.ascii_letters),
        _text(random, "randNumeric", string.digits),
        _text(random, "randAscii", _ASCII),
        Function("randInt", lambda low, high: _between(random, low, high), ("int", "int")),
        Function("randBytes", lambda count: _bytes(random, count), ("int",)),
        Function("shuffle", lambda text: _shuffled(random, text), ("string",)),
        Function("uuidv4", lambda: str(uuid.UUID(bytes=random.randbytes(16), version=4))),
    )


def _text(random: Random, name: str, alphabet: str) -> Function:
    def make(count: int) -> str:
        check_work(count)
        return "".join(random.choices(alphabet, k=count)) if count > 0 else ""

    return Function(name, make, ("int",))


def _between(random: Random, low: int, high: int) -> int:
    """A number from low on, below high."""
    if high <= low:
        raise Failure("invalid argument to Intn")
    return random.randrange(low, high)


def _bytes(random: Random, count: int) -> str:
    if count < 0:
        raise Failure("runtime error: makeslice: len out of range")
    check_text(count)
    return base64.b64encode(random.randbytes(count)).decode()


def _shuffled(random: Random, text: str) -> str:
    check_work(len(text))
    chars = list(runes(text))
    random.shuffle(chars)
    return "".join(chars)
