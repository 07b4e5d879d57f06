"""Lists and maps that are nil in Go: empty ones, but for JSON, ``%#v``, ``eq nil`` and ``set``."""

from __future__ import annotations

from typing import Any, TypeAlias

from pyload.gotemplate.values import Strings


class NilList(list[Any]):
    """A nil ``[]interface {}``."""

    __slots__ = ()


class NilStrings(Strings):
    """A nil ``[]string``."""

    __slots__ = ()


class NilMap(dict[str, Any]):
    """A nil ``map[string]interface {}``."""

    __slots__ = ()


NilValue: TypeAlias = NilList | NilStrings | NilMap
