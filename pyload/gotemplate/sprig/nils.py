"""Lists that are nil in Go: they print as empty ones, but JSON shows the difference."""

from __future__ import annotations

from typing import Any

from pyload.gotemplate.values import Strings


class NilList(list[Any]):
    """A nil ``[]interface {}``."""

    __slots__ = ()


class NilStrings(Strings):
    """A nil ``[]string``."""

    __slots__ = ()
