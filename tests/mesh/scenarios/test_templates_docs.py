"""What docs/templates.md shows is what happens."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.options import ClusterOptions
from pyload.config.model import ConfigRef
from pyload.config.parse import parse_config
from pyload.gotemplate.library import BUILTINS
from pyload.gotemplate.natives import LAZY, NATIVES
from pyload.mesh.template_instance import Templates
from tests.conftest import ROOT

if TYPE_CHECKING:
    from tests.mesh.conftest import World

PAGE = (ROOT / "docs" / "templates.md").read_text()
ROW = re.compile(r"^\| `(\{\{.*\}\})` \| `(.*)` \|$", re.MULTILINE)
VALUES = {"hosts": ["a", "b"], "weight": 5}


@pytest.mark.parametrize(("template", "expected"), ROW.findall(PAGE))
def test_functions_give_what_is_shown(template: str, expected: str) -> None:
    """People copy from there."""
    text = template.replace("\\|", "|")
    templates = Templates({"one": text})
    one = templates.for_app(
        ConfigRef("one", VALUES), app="web-abcdefgh", namespace="mesh", rng=Random(1)
    )

    assert one.text() == expected


def test_the_table_of_functions_is_found() -> None:
    """The test above would pass without a row."""
    assert len(ROW.findall(PAGE)) == 10


@pytest.mark.anyio
async def test_the_config_that_is_shown_runs(world: World) -> None:
    """The first thing that somebody tries would not work."""
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    loaded = parse_config(f"{text}jitter: {{config: 1s}}\n".encode(), source="templates.md")
    outcome = await world.run(ClusterOptions(loaded=loaded, duration=10.0, seed=1))

    assert outcome.error is None
    assert outcome.result.churn["configs"]["done"] > 5
    assert outcome.result.objects.left == 0
    paths = {one.path for one in world.recorder.requests if one.verb == "patch"}
    assert sum("/destinationrules/web-" in path for path in paths) == 2
    assert sum(path.endswith("/sidecars/restrict-visibility") for path in paths) == 1


def test_every_builtin_and_function_of_go_is_named() -> None:
    """Nobody uses what is not written down."""
    for name in (*BUILTINS, *NATIVES, *LAZY):
        assert f"`{name}`" in PAGE, name
