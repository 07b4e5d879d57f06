"""Environment variables that look like those of flags, but are of none."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    import click

PREFIX: Final = "PYLOAD"
_SERVICE: Final = re.compile(r"_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)\Z")
"""Ends of variables by which Kubernetes tells pods of a Service, which may be called pyload."""
_FOREIGN: Final = frozenset({"PYLOAD_VERSION", "PYLOAD_GOLDEN"})
"""Variables that builds and tests of pyload use."""


def variable_of(option: click.Parameter, command: str = "") -> str:
    """Return the variable of a flag: ``PYLOAD_QPS``, or ``PYLOAD_CLUSTER_DURATION``."""
    return "_".join(filter(None, (PREFIX, command, option.name))).replace("-", "_").upper()


def unknown_variables(
    environ: Iterable[str],
    roots: Iterable[click.Parameter],
    commands: Collection[str],
    parameters_of: Callable[[str], Iterable[click.Parameter]],
) -> Iterator[str]:
    """Yield a sentence about each variable that no flag takes its default from.

    Args:
        environ: Names of all variables.
        roots: Flags that stand before a command's name.
        commands: Names of commands, with their other names.
        parameters_of: Returns the flags of a command; not called unless a variable is in doubt.
    """
    known = {variable_of(one) for one in roots}
    doubtful = [
        name
        for name in sorted(environ)
        if name.startswith(f"{PREFIX}_")
        and name not in known | _FOREIGN
        and not _SERVICE.search(name)
    ]
    if not doubtful:
        return
    for command in commands:
        known |= {variable_of(one, command) for one in parameters_of(command)}
    for name in doubtful:
        if name not in known:
            ends = [one.removeprefix(PREFIX) for one in sorted(known)]
            near = difflib.get_close_matches(name.removeprefix(PREFIX), ends, n=1, cutoff=0.7)
            fix = f"did you mean {PREFIX}{near[0]}?" if near else "docs/cli.md lists the flags"
            yield f"the environment variable {name} is of no flag; {fix}"
