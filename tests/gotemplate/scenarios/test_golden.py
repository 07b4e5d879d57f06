"""The recordings of Go with sprig."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import TemplateError
from pyload.gotemplate import parse
from pyload.gotemplate.library import Library
from pyload.gotemplate.sprig import Surroundings
from tests.gotemplate.sample import of_json

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.golden
def test_recorded_templates_give_what_was_recorded(golden: Path) -> None:
    """Configs written for pilot-load would give other objects."""
    recorded = json.loads((golden / "gotemplate.json").read_text(encoding="utf-8"))
    base = recorded["base"]
    wrong = []
    sprig = Library(Surroundings(environ={})).functions
    for case in recorded["cases"]:
        data = {**of_json({**base, **case.get("data", {})}), "RandNumber": base["RandNumber"]}
        expected = {name: case[name] for name in ("output", "error", "stage") if name in case}
        actual: dict[str, Any]
        try:
            actual = {
                "output": parse(case["template"], name=case["name"], functions=sprig).render(data)
            }
        except TemplateError as error:
            actual = {"error": error.what, "stage": error.stage}
        if actual != expected:
            wrong.append((case["name"], expected, actual))
    assert wrong == []
