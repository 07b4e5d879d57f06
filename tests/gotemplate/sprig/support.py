"""Rendering in surroundings that do not change: a stopped clock, a seed, one variable, UTC."""

from __future__ import annotations

import copy
import random
from typing import Any, Final

import pytest

from pyload.errors import TemplateError
from pyload.gotemplate import parse
from pyload.gotemplate.sprig import Surroundings, functions
from pyload.gotemplate.sprig.gotime.zone import UTC_ZONE

NOW: Final = 1_700_000_000_123_456_789
DATA: Final[dict[str, Any]] = {
    "Name": "app-abcdef",
    "Namespace": "mesh",
    "Rand": True,
    "big": 1_500_000.0,
    "hosts": ["a.example.com", "b.example.com"],
    "labels": {"alpha": "2", "mid": "3", "zeta": "1"},
    "list": [3.0, 1.0, 2.0, 3.0],
    "nested": {"a": {"b": {"c": "deep"}}},
    "port": 8080.0,
}


def surroundings(seed: int = 0) -> Surroundings:
    """Surroundings that do not change."""
    environ = {"HOME": "/home/ann", "X": "1"}
    return Surroundings(now=lambda: NOW, random=random.Random(seed), environ=environ, zone=UTC_ZONE)


def render(template: str, *, seed: int = 0, **data: Any) -> str:
    """Render a template with the data above and more."""
    known = {function.name: function for function in functions(surroundings(seed))}
    parsed = parse(template, name="t", functions=known)
    return parsed.render({**copy.deepcopy(DATA), **data})


def failure(template: str, **data: Any) -> str:
    """What the function that fails says."""
    with pytest.raises(TemplateError) as caught:
        render(template, **data)
    assert caught.value.stage == "execute"
    return str(caught.value).split("error calling ", 1)[1].split(": ", 1)[1]
