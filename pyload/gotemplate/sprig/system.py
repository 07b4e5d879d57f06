"""The environment of the process; other machines stay out of reach."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn

from pyload.gotemplate.functions import Failure, Function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.gotemplate.sprig.surroundings import Surroundings

_REFERENCE: Final = re.compile(
    r"\$(?:\{(?P<special>[*#$@!?0-9-])\}|(?P<bare>[*#$@!?0-9-])|\{(?P<braced>[^}]*)\}"
    r"|(?P<broken>\{)|(?P<plain>[A-Za-z0-9_]+))"
)


def functions(surroundings: Surroundings) -> tuple[Function, ...]:
    """The functions, with an environment."""
    environ = surroundings.environ if surroundings.environ is not None else _NoEnvironment()
    return (
        Function("env", lambda name: environ.get(name, ""), ("string",)),
        Function("expandenv", lambda text: _expanded(text, environ), ("string",)),
        Function("getHostByName", _get_host_by_name, ("string",)),
    )


class _NoEnvironment(dict[str, str]):
    """The variables of a process that templates may not read: its secrets are among them."""

    def get(self, name: str, default: object = None, /) -> NoReturn:
        """Refuse."""
        del default
        raise Failure(f"templates may not read the variable {name!r} without --allow-env")


def _get_host_by_name(name: str) -> NoReturn:
    """Refuse: a template that asks the network gives a different mesh each time."""
    raise Failure(f"templates cannot look up {name!r}: pyload renders them without the network")


def _expanded(text: str, environ: Mapping[str, str]) -> str:
    """Replace ``$NAME`` and ``${NAME}``, as Go's os.ExpandEnv does."""

    def value(match: re.Match[str]) -> str:
        if match["broken"] is not None:
            return ""  # bad syntax: Go swallows the two characters
        name = match["special"] or match["bare"] or match["braced"] or match["plain"] or ""
        return environ.get(name, "")

    return _REFERENCE.sub(value, text)
