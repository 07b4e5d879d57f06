"""Levels of log lines, and the scopes that have one each."""

from __future__ import annotations

import logging
from difflib import get_close_matches
from typing import Final

from pyload.errors import UsageError

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
SCOPES: Final = {
    "default": "the run itself",
    "adsc": "the streams of proxies",
    "kube": "requests to the API server",
    "pods": "pods that proxies follow",
    "controllers": "pods that `impersonate` follows",
    "controlplane": "the embedded control plane",
}
"""Every scope, and whose lines it has."""
_OF_PILOT_LOAD: Final = ("dump", "grpc", "klog")
"""Scopes of pilot-load without any lines here."""
_EVERY: Final = "all"


def read_levels(text: str, *, as_pilot_load: bool = False) -> dict[str, int]:
    """Parse ``SCOPE:LEVEL,…``, and return the level of each scope.

    A level alone, or that of ``all``, holds for all scopes that are not named; without either, that
    of ``default`` does.

    Args:
        text: The value of the flag.
        as_pilot_load: Whether a level alone, and that of ``default``, are for the scope ``default``
            only, the last of several levels of a scope wins, and unknown scopes are ignored.

    Raises:
        UsageError: A level or a scope does not exist.
    """
    levels = dict.fromkeys(SCOPES, logging.INFO)
    pairs = [_pair(part) for part in text.split(",") if part]
    if as_pilot_load:
        for scope, level in pairs:
            levels |= dict.fromkeys(SCOPES if scope == _EVERY else (scope or "default",), level)
        return {scope: levels[scope] for scope in SCOPES}
    if unknown := unknown_scopes(text):
        near = get_close_matches(unknown[0], SCOPES, n=1)
        hint = f"did you mean {near[0]}? There are" if near else "use one of"
        raise UsageError(
            f"there is no log scope {unknown[0]!r}", fix=f"{hint} {', '.join((*SCOPES, _EVERY))}"
        )
    wide = {"", _EVERY} if any(scope in ("", _EVERY) for scope, _ in pairs) else {"default"}
    for scope, level in pairs:
        if scope in wide:
            levels = dict.fromkeys(SCOPES, level)
    return levels | {scope: level for scope, level in pairs if scope in SCOPES.keys() - wide}


def unknown_scopes(text: str) -> list[str]:
    """Return the scopes of ``SCOPE:LEVEL,…`` that do not exist."""
    named = [part.strip().rpartition(":")[0] for part in text.split(",")]
    return [scope for scope in named if scope not in ("", _EVERY, *SCOPES, *_OF_PILOT_LOAD)]


def _pair(part: str) -> tuple[str, int]:
    scope, _, name = part.strip().rpartition(":")
    if name not in LEVELS:
        raise UsageError(f"invalid output level '{name}'", fix=f"use one of {', '.join(LEVELS)}")
    return scope, LEVELS[name]
