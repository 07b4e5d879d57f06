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

_DEFINITION: Final = {
    "CustomResourceDefinition": "1 metadata ObjectMeta, 2 spec CustomResourceDefinitionSpec, "
    "3 status CustomResourceDefinitionStatus",
    "CustomResourceDefinitionSpec": "1 group str, 3 names CustomResourceDefinitionNames, "
    "4 scope str, 7 versions *CustomResourceDefinitionVersion, "
    "9 conversion CustomResourceConversion, 10 preserveUnknownFields bool",
    "CustomResourceDefinitionNames": "1 plural str, 2 singular str, 3 shortNames *str, 4 kind str, "
    "5 listKind str, 6 categories *str",
    "CustomResourceDefinitionVersion": "1 name str, 2 served bool, 3 storage bool, "
    "4 schema CustomResourceValidation, 5 subresources CustomResourceSubresources, "
    "6 additionalPrinterColumns *CustomResourceColumnDefinition, 7 deprecated bool, "
    "8 deprecationWarning str, 9 selectableFields *SelectableField",
    "CustomResourceColumnDefinition": "1 name str, 2 type str, 3 format str, 4 description str, "
    "5 priority int, 6 jsonPath str",
    "CustomResourceValidation": "1 openAPIV3Schema schema",
    "CustomResourceSubresources": "1 status schema, 2 scale CustomResourceSubresourceScale",
    "CustomResourceSubresourceScale": "1 specReplicasPath str, 2 statusReplicasPath str, "
    "3 labelSelectorPath str",
    "SelectableField": "1 jsonPath str",
    "CustomResourceConversion": "1 strategy str, 2 webhook schema",
    "CustomResourceDefinitionStatus": "1 conditions *Condition, "
    "2 acceptedNames CustomResourceDefinitionNames, 3 storedVersions *str, "
    "4 observedGeneration int",
}
"""Definitions of custom kinds, which only ever come as JSON: a ``schema`` is an object as it is."""

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
    return {**table, "apiextensions.k8s.io/v1": _DEFINITION}


@cache
def _fields(section: str, message: str) -> Mapping[int, Field]:
    fields: dict[int, Field] = {}
    for text in _table()[section][message].split(", "):
        number, name, type_ = text.split()
        mark = type_[0] if type_[0] in "*%" else ""
        fields[int(number)] = Field(name.rstrip("?"), name.endswith("?"), mark, type_[len(mark) :])
    return fields
