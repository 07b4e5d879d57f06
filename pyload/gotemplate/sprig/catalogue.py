"""All functions of sprig, by family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.gotemplate.sprig import (
    casing,
    certificates,
    dates,
    defaults,
    dicts,
    encoding,
    equality,
    jsons,
    lists,
    numbers,
    passwords,
    paths,
    randoms,
    regexes,
    semver,
    strings,
    system,
    urls,
)

if TYPE_CHECKING:
    from pyload.gotemplate.functions import Function
    from pyload.gotemplate.sprig.surroundings import Surroundings


def functions(surroundings: Surroundings) -> tuple[Function, ...]:
    """Every function, with the surroundings that some of them ask."""
    return (
        *strings.FUNCTIONS,
        *casing.FUNCTIONS,
        *lists.FUNCTIONS,
        *dicts.FUNCTIONS,
        *defaults.FUNCTIONS,
        *equality.FUNCTIONS,
        *numbers.FUNCTIONS,
        *jsons.FUNCTIONS,
        *encoding.FUNCTIONS,
        *regexes.FUNCTIONS,
        *semver.FUNCTIONS,
        *paths.FUNCTIONS,
        *urls.FUNCTIONS,
        *dates.functions(surroundings),
        *randoms.functions(surroundings),
        *passwords.functions(surroundings),
        *certificates.functions(surroundings),
        *system.functions(surroundings),
    )
