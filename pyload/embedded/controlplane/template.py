"""Encoded messages with gaps: built once by a slow library, then filled in microseconds.

A cluster of envoy-data-plane takes milliseconds to build, and a mesh has thousands that differ in
a few strings. A template is made from one encoded message whose gaps hold `gap` markers; filling
it writes the strings and corrects the lengths of all messages around them.
"""

from __future__ import annotations

from typing import Final

from pyload.embedded.controlplane.wire import varint

_MARK: Final = "\x01~"
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5

# Constant bytes; or a tag and the name of its gap; or a tag and the parts of a nested message.
_Part = bytes | tuple[bytes, "str | list[_Part]"]


def gap(name: str) -> str:
    """Return the marker that stands for a whole string field.

    No message begins with its first byte, which would be the tag of a field 0: by this a
    template distinguishes strings from messages.
    """
    return f"{_MARK}{name}"


class MessageTemplate:
    """One message with gaps.

    Args:
        encoded: The encoded message, with markers in its gaps.
    """

    __slots__ = ("_parts",)

    def __init__(self, encoded: bytes) -> None:
        self._parts = _parse(encoded)

    def fill(self, **values: str) -> bytes:
        """Encode the message with each gap filled by the value of its name.

        Raises:
            KeyError: A gap has no value.
        """
        return _join(self._parts, values)


def _join(parts: list[_Part], values: dict[str, str]) -> bytes:
    out: list[bytes] = []
    for part in parts:
        if isinstance(part, bytes):
            out.append(part)
            continue
        tag, inside = part
        payload = values[inside].encode() if isinstance(inside, str) else _join(inside, values)
        out += (tag, varint(len(payload)), payload)
    return b"".join(out)


def _parse(message: bytes) -> list[_Part]:
    """Split a message into fixed bytes, gaps, and messages with gaps."""
    parts: list[_Part] = []
    constant = position = 0
    while position < len(message):
        start = position
        tag, position = _read_varint(message, position)
        after_tag = position
        kind = tag & 7
        if kind == _VARINT:
            _, position = _read_varint(message, position)
        elif kind == _FIXED64:
            position += 8
        elif kind == _FIXED32:
            position += 4
        else:
            assert kind == _DELIMITED, f"wire type {kind} does not occur in proto3"
            length, position = _read_varint(message, position)
            payload = message[position : position + length]
            position += length
            assert position <= len(message), "a field ends after its message"
            if _MARK.encode() not in payload:
                continue
            inside = _inside(payload)
            if inside is None:
                continue
            if constant < start:
                parts.append(message[constant:start])
            parts.append((message[start:after_tag], inside))
            constant = position
    if constant < len(message):
        parts.append(message[constant:])
    return parts


def _inside(payload: bytes) -> str | list[_Part] | None:
    """Read a field's payload: a gap, a message with gaps, or None for anything else."""
    if payload.startswith(_MARK.encode()):
        return payload[len(_MARK) :].decode()
    try:
        parts = _parse(payload)
    except (IndexError, AssertionError):
        return None
    return parts if any(not isinstance(part, bytes) for part in parts) else None


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
