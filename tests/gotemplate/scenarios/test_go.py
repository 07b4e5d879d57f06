"""Templates as Go renders them: ``go.json`` was recorded with Go 1.26."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from pyload.errors import TemplateError
from pyload.gotemplate import parse
from tests.gotemplate.sample import FUNCTIONS, of_json

RECORDED = json.loads(Path(__file__).with_name("go.json").read_text(encoding="utf-8"))
GROUPS = {
    name: list(cases)
    for name, cases in groupby(RECORDED["cases"], lambda case: case["name"].partition("/")[0])
}


def outcome(case: dict[str, Any]) -> dict[str, str]:
    """Render a recorded template; give the outcome in the form in which it was recorded."""
    try:
        template = parse(case["template"], name=case["name"], functions=FUNCTIONS)
        return {"output": template.render(of_json(RECORDED["data"]))}
    except TemplateError as error:
        told = {"error": error.what} if "error" in case else {}
        return {"stage": error.stage, **told}


@pytest.mark.parametrize("group", GROUPS)
def test_does_what_go_does(group: str) -> None:
    """A user's template would render to other objects than in pilot-load, or not at all."""
    wrong = []
    for case in GROUPS[group]:
        expected = {name: case[name] for name in ("output", "stage", "error") if name in case}
        actual = outcome(case)
        if actual != expected:
            wrong.append((case["template"], expected, actual))
    assert wrong == []
