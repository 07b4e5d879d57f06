"""Messages of envoy-data-plane without its validation.

The library's classes check each value with pydantic: once when a message is built, and again when
it is encoded, with a validator that is compiled on the spot. That takes most of a second for a
control plane's first resources. They are the same in every run, and tests parse them with the
classes themselves, so here they are built and encoded without.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import typing
from types import MappingProxyType
from typing import Any

from betterproto2 import Message


class Unvalidated:
    """A message that holds what it is given; a base in front of the message's own class.

    Args:
        **fields: Values by field name; the others keep their defaults.

    Raises:
        TypeError: The message has no such field.
    """

    _defaults = MappingProxyType[str, Any]({})

    def __init__(self, **fields: Any) -> None:
        unknown = fields.keys() - self._defaults
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        for name, default in self._defaults.items():
            self.__dict__[name] = fields[name] if name in fields else default()
        self._unknown_fields = b""

    def _is_pydantic(self) -> bool:
        return False

    @classmethod
    @functools.cache
    def _type_hints(cls) -> dict[str, Any]:
        # The library would evaluate all annotations of a class anew for each of its fields.
        return typing.get_type_hints(cls, vars(sys.modules[cls.__module__]), {})


class UnvalidatedModule:
    """A module of envoy-data-plane whose messages are unvalidated.

    Args:
        module: The module.
    """

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if isinstance(found, type) and issubclass(found, Message):
            found = _unvalidated(found)
        setattr(self, name, found)
        return found


def _unvalidated(message: type[Message]) -> type:
    defaults = {field.name: field.default_factory for field in dataclasses.fields(message)}
    members = {"__module__": message.__module__, "_defaults": defaults}
    return type(message.__name__, (Unvalidated, message), members)
