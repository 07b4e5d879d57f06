"""The messages of Kubernetes' API: the fields of its built-in kinds, and of what is in them.

The table is `messages.json`, which ``protos/kubernetes.py`` writes. It has a section for each
``apiVersion``, and in it a text for each message: ``2 containers? *Container`` is field 2, which is
a list of the message Container, and which JSON has even when it is zero. A mark before the type
says what holds the values: ``*`` a list, ``%`` a map from texts. A field that is called ``.`` is a
message whose own fields stand in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final = "messages.json"
"""The file beside this module with the table."""

_SHARED: Final = ("v1", "meta.k8s.io/v1")
"""Sections of what all others use."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes:
        name: Its name in JSON; a dot if its fields stand in its place.
        shown: Whether JSON has it even when it is zero.
        mark: ``*`` for a list of values, ``%`` for a map, or nothing.
        type: Name of a message or of a scalar type, of which `protobuf` has the readers.
    """

    name: str
    shown: bool
    mark: str
    type: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message of one section.

    Attributes:
        section: The ``apiVersion`` of its section.
        name: Its name, such as ``PodSpec``.
    """

    section: str
    name: str

    @property
    def version(self) -> str:
        """The version of its section, without the group."""
        return self.section.rpartition("/")[2]

    def fields(self) -> Mapping[int, Field]:
        """Return its fields by their numbers."""
        return _fields(self.section, self.name)

    def of(self, field: Field) -> Message | None:
        """Return the message that a field has; None if it has none."""
        return find(self.section, field.type)


@cache
def find(section: str, name: str) -> Message | None:
    """Return a message by its name where an ``apiVersion`` uses it, or None."""
    table = _table()
    for place in (section, *_SHARED):
        if name in table.get(place, ()):
            return Message(place, name)
    return None


def is_kind(message: Message) -> bool:
    """Return whether a message is a kind of objects."""
    first = message.fields().get(1)
    return first is not None and first.name == "metadata"


def kinds() -> list[Message]:
    """Return the messages that are kinds of objects."""
    found = [Message(section, name) for section, messages in _table().items() for name in messages]
    return [message for message in found if is_kind(message)]


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    text = (resources.files("pyload.embedded.apiserver") / FILE).read_bytes()
    table: Mapping[str, Mapping[str, str]] = orjson.loads(text)
    return table


@cache
def _fields(section: str, message: str) -> Mapping[int, Field]:
    fields: dict[int, Field] = {}
    for text in _table()[section][message].split(", "):
        number, name, type_ = text.split()
        mark = type_[0] if type_[0] in "*%" else ""
        fields[int(number)] = Field(name.rstrip("?"), name.endswith("?"), mark, type_[len(mark) :])
    return fields
