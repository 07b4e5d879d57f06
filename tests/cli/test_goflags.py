"""Flags in the forms that scripts written for Go programs use."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.cli.goflags import GoBool, GoDuration, GoInt, GoMap, rewrite

OPTIONS = [
    click.Option(["--delta"], type=GoBool()),
    click.Option(["-p", "--pilot-address"]),
    click.Option(["-m", "--metadata"], type=GoMap()),
]


@pytest.mark.parametrize(
    ("typed", "rewritten"),
    [
        (["--delta", "cluster"], ["--delta=true", "cluster"]),
        (["--delta=false"], ["--delta=false"]),
        (["-p=h:1"], ["-ph:1"]),
        (["-ph:1"], ["-ph:1"]),
        (["-p", "h:1"], ["-p", "h:1"]),
        (["-m", "a=b"], ["-m", "a=b"]),
        (["--", "--delta"], ["--", "--delta"]),
    ],
)
def test_forms_that_click_does_not_know(typed: list[str], rewritten: list[str]) -> None:
    """A script's `--delta cluster` would lose its command, and `-p=h:1` would dial "=h"."""
    assert rewrite(typed, OPTIONS) == rewritten


@given(st.lists(st.text()))
def test_rewriting_never_fails_and_keeps_what_it_does_not_know(arguments: list[str]) -> None:
    """An odd argument must reach click, which can explain it."""
    known = {"--delta", "-p", "-m"}
    if all(argument[:2] not in known and argument != "--delta" for argument in arguments):
        assert rewrite(arguments, OPTIONS) == arguments


@pytest.mark.parametrize(("text", "value"), [("0x10", 16), ("0b11", 3), ("0o17", 15), ("7", 7)])
def test_whole_numbers_in_any_base(text: str, value: int) -> None:
    """Go's flags take these; a script's 0x10 must not become an error."""
    assert GoInt().convert(text, None, None) == value


@pytest.mark.parametrize("text", ["yes", "on", "2", ""])
def test_booleans_are_go_booleans_only(text: str) -> None:
    """`--delta=yes` fails in Go; to read it as either value would be a guess."""
    with pytest.raises(click.BadParameter):
        GoBool().convert(text, None, None)


def test_durations_and_maps() -> None:
    """`--delay 10ms` and `-m a=b,c=` are in every script."""
    assert GoDuration().convert("10ms", None, None) == 10_000_000
    assert GoMap().convert("a=b,c=", None, None) == {"a": "b", "c": ""}
    with pytest.raises(click.BadParameter, match="KEY=VALUE"):
        GoMap().convert("a", None, None)
    with pytest.raises(click.BadParameter, match="10ms"):
        GoDuration().convert("10", None, None)
