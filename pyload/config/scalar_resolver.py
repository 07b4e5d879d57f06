"""The values of YAML scalars, and their text, as Go's ``sigs.k8s.io/yaml`` has them.

Go reads YAML 1.1 with exceptions: ``n`` is a boolean and ``0123`` is octal, but ``12:30`` and
``2024-01-02`` are text.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Final

ScalarValue = str | int | float | bool | None

_TAG: Final = "tag:yaml.org,2002:"
_WORDS: Final[dict[str, ScalarValue]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE"), True),
    **dict.fromkeys(("on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE"), False),
    **dict.fromkeys(("off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER: Final = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)"
    r"|(?P<dec>0|[1-9][0-9]*))"
)
_BASES: Final = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LOOSE_UNDERSCORE: Final = re.compile(r"(?<![0-9])_|_(?![0-9])")
# Enough for 64 binary digits. Longer texts cannot fit, and int() refuses thousands of digits.
_LONGEST_INTEGER: Final = 80


def resolve(text: str, tag: str | None, *, plain: bool) -> ScalarValue:
    """Return the value of a scalar.

    Args:
        text: The scalar, unescaped.
        tag: Its explicit tag in full, or None.
        plain: Whether it stands without quotes.

    Raises:
        ValueError: The tag does not fit the text; the message is for the user.
    """
    if tag is None:
        return resolve_plain(text) if plain else text
    name = tag.removeprefix(_TAG)
    if name == "binary":
        raise ValueError("`!!binary` is not supported; write the text itself")
    if name == "float":
        number = resolve_plain(text)
        if isinstance(number, int | float) and not isinstance(number, bool):
            return float(number)
        raise ValueError(f"{quote(text)} is not a number, as `!!float` says it is")
    wanted = {"int": int, "bool": bool, "null": type(None)}.get(name)
    if wanted is None:
        return text
    value = resolve_plain(text)
    if type(value) is not wanted:
        raise ValueError(f"{quote(text)} is not what `!!{name}` says it is")
    return value


def resolve_plain(text: str) -> ScalarValue:
    """Return the value of an unquoted scalar without a tag."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if text[0] == "." and _LOOSE_UNDERSCORE.search(text):
        return text
    digits = text.replace("_", "")
    integer = _integer(digits)
    if integer is not None:
        return integer
    if _FLOAT.fullmatch(digits):
        number = float(digits)
        if math.isfinite(number):
            return number
    return text


def _integer(digits: str) -> int | None:
    match = _INTEGER.fullmatch(digits)
    if match is None or len(digits) > _LONGEST_INTEGER:
        return None
    kind = match.lastgroup or "dec"
    value = int(match[kind], _BASES[kind])
    if match["sign"] == "-":
        value = -value
    limit = 1 << 63 if match["sign"] else 1 << 64
    return value if -(1 << 63) <= value < limit else None


def as_text(value: ScalarValue) -> str:
    """Return the text of a value where a string is expected; it is empty for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _float_text(value) if isinstance(value, float) else str(value)


def _float_text(value: float) -> str:
    """Return the text of a float, as by Go's ``strconv.FormatFloat(value, 'g', -1, 32)``."""
    if math.isnan(value):
        return "NaN"
    single = _single(value)
    if math.isinf(single):
        return "+Inf" if single > 0 else "-Inf"
    # Nine significant digits always tell one single-precision number from the next.
    texts = (f"{single:.{places}e}" for places in range(9))
    text = next(text for text in texts if _single(float(text)) == single)
    mantissa, _, exponent_text = text.partition("e")
    exponent = int(exponent_text)
    if -4 <= exponent < 6:
        places = len(mantissa.partition(".")[2])
        return f"{float(text):.{max(0, places - exponent)}f}"
    return f"{mantissa}e{exponent:+03d}"


def _single(value: float) -> float:
    """Round to single precision."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def quote(text: str) -> str:
    """Return text of a file in backquotes, shortened and without control characters."""
    cut = text if len(text) <= 40 else text[:37] + "..."
    return "`" + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in cut) + "`"
