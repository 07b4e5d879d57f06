"""The values of `--log_output_level`."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from pyload.cli.log_levels import SCOPES, read_levels, unknown_scopes
from pyload.errors import UsageError

NAMES = {10: "debug", 20: "info", 30: "warn", 40: "error", 51: "none"}


def shown(text: str, *, as_pilot_load: bool = False) -> dict[str, str]:
    """Return the level of each scope that is not at info."""
    levels = read_levels(text, as_pilot_load=as_pilot_load)
    assert levels.keys() == SCOPES.keys()
    return {scope: NAMES[level] for scope, level in levels.items() if level != logging.INFO}


@pytest.mark.parametrize("text", ["warn", "default:warn", "all:warn", "all:info,warn"])
def test_a_level_without_a_scope_is_for_all_of_them(text: str) -> None:
    """`warn` and `default:warn` left the lines of all proxies in the log (B2)."""
    assert shown(text) == dict.fromkeys(SCOPES, "warn")


@pytest.mark.parametrize("text", ["warn,adsc:debug", "adsc:debug,default:warn", "adsc:debug,warn"])
def test_a_scope_that_is_named_has_its_own_level(text: str) -> None:
    """Whether one writes the general or the special first is no matter."""
    assert shown(text) == {**dict.fromkeys(SCOPES, "warn"), "adsc": "debug"}


def test_beside_all_the_default_scope_is_one_of_them() -> None:
    """`all:none,default:info` is how one gets the lines of the run alone."""
    assert shown("all:none,default:info") == {
        scope: "none" for scope in SCOPES if scope != "default"
    }


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("warn", {"default": "warn"}),
        ("default:warn", {"default": "warn"}),
        ("all:warn", dict.fromkeys(SCOPES, "warn")),
        ("adsc:debug,all:warn", dict.fromkeys(SCOPES, "warn")),
        ("ztunnel:warn", {}),
    ],
)
def test_for_pilot_load_a_level_alone_is_for_the_default_scope(
    text: str, levels: dict[str, str]
) -> None:
    """Its scripts silence the run with it and go on reading the lines of the proxies."""
    assert shown(text, as_pilot_load=True) == levels


def test_an_unknown_level_is_a_usage_error() -> None:
    """A typo must not silence or flood a log."""
    with pytest.raises(UsageError, match="invalid output level 'loud'"):
        read_levels("adsc:loud")


def test_an_unknown_scope_is_a_usage_error_with_the_list() -> None:
    """Which scopes there are stood nowhere, and others were accepted in silence (B2)."""
    with pytest.raises(UsageError, match=r"no log scope 'ads'; did you mean adsc\? .*kube.* all"):
        read_levels("ads:debug")
    with pytest.raises(UsageError, match="no log scope 'x'; use one of default, adsc, "):
        read_levels("default:warn,x:info")


def test_scopes_of_pilot_load_without_lines_here_are_known() -> None:
    """`grpc:none` is in the scripts of many."""
    assert unknown_scopes("grpc:none,dump:info, klog:info,all:info,warn") == []


def test_every_logger_has_its_scope() -> None:
    """Lines of a scope that nobody can name cannot be silenced."""
    source = Path(__file__).parents[2] / "pyload"
    used = {
        scope
        for file in source.rglob("*.py")
        for scope in re.findall(r'getLogger\("pyload\.(\w+)"\)', file.read_text("utf-8"))
    }
    assert used | {"default"} == SCOPES.keys()
