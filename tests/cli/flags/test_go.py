"""Flags in the forms that scripts written for Go programs use."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.cli.flags.go import GoBool, GoDuration, GoInt, GoMap, PositiveDuration, rewrite

OPTIONS = [
    click.Option(["--delta"], type=GoBool()),
    click.Option(["-p", "--pilot-address"]),
    click.Option(["-m", "--metadata"], type=GoMap()),
]
OF_COMMANDS = {
    "reproduce": [click.Option(["-n"], type=GoBool()), click.Option(["-f", "--file"])],
    "push": [click.Option(["-s", "--stream"]), click.Option(["--all"], is_flag=True)],
    "isolated": [click.Option(["-s"], type=GoBool())],
}


def rewritten_from(typed: list[str]) -> list[str]:
    """Rewrite what is typed after the name of a program with these commands."""
    return rewrite(typed, OPTIONS, lambda name: OF_COMMANDS.get(name, ()))


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
        (["-p="], ["-p", ""]),
        (["-p", "--delta"], ["-p", "--delta"]),
        (["--pilot-address", "-p=x", "--delta"], ["--pilot-address", "-p=x", "--delta=true"]),
        (["reproduce", "-nf", "x"], ["reproduce", "-ntrue", "-f", "x"]),
        (["reproduce", "-nfx"], ["reproduce", "-ntrue", "-fx"]),
        (["reproduce", "-n=F", "-f=x"], ["reproduce", "-nF", "-fx"]),
        (["-p", "isolated", "push", "-s", "x"], ["-p", "isolated", "push", "-s", "x"]),
        (["push", "-s", "isolated", "--all"], ["push", "-s", "isolated", "--all"]),
        (["isolated", "-s"], ["isolated", "-strue"]),
        (["isolated", "-xs"], ["isolated", "-xs"]),
    ],
)
def test_forms_that_click_does_not_know(typed: list[str], rewritten: list[str]) -> None:
    """`--delta cluster` would lose its command, `-p=h:1` dial "=h", and `-nf x` read no x."""
    assert rewritten_from(typed) == rewritten


@given(st.lists(st.text()))
def test_rewriting_never_fails_and_keeps_what_it_does_not_know(arguments: list[str]) -> None:
    """An odd argument must reach click, which can explain it."""
    known = {"--delta", "-p", "-m"}
    if all(argument[:2] not in known and argument != "--delta" for argument in arguments):
        assert rewrite(arguments, OPTIONS) == arguments


@pytest.mark.parametrize(
    ("text", "value"),
    [("0x10", 16), ("0b11", 3), ("0o17", 15), ("017", 15), ("-0", 0), ("100", 100), ("7", 7)],
)
def test_whole_numbers_in_any_base(text: str, value: int) -> None:
    """Go's flags take these; a script's 0x10 must not become an error."""
    assert GoInt().convert(text, None, None) == value


@pytest.mark.parametrize("text", ["yes", "on", "2", ""])
def test_booleans_are_go_booleans_only(text: str) -> None:
    """`--delta=yes` fails in Go; to read it as either value would be a guess."""
    with pytest.raises(click.BadParameter):
        GoBool().convert(text, None, None)


@pytest.mark.parametrize("text", ["-5s", "-1ns"])
def test_no_time_is_below_zero(text: str) -> None:
    """`--duration -5s` ended a run before it began, and it was all right (A5)."""
    with pytest.raises(click.BadParameter, match="is below 0"):
        GoDuration().convert(text, None, None)


def test_a_run_takes_some_time() -> None:
    """`--duration 0` says that nothing is to be measured; a pause may be of no time (A5)."""
    assert GoDuration().convert("0", None, None) == 0
    with pytest.raises(click.BadParameter, match="is not above 0"):
        PositiveDuration().convert("0s", None, None)


def test_durations_and_maps() -> None:
    """`--delay 10ms` and `-m a=b,c=` are in every script."""
    assert GoDuration().convert("10ms", None, None) == 0.01
    assert GoMap().convert("a=b,c=", None, None) == {"a": "b", "c": ""}
    with pytest.raises(click.BadParameter, match="KEY=VALUE"):
        GoMap().convert("a", None, None)
    with pytest.raises(click.BadParameter, match="KEY=VALUE"):
        GoMap().convert("", None, None)
    with pytest.raises(click.BadParameter, match="10ms"):
        GoDuration().convert("10", None, None)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a=b,c", {"a": "b,c"}),
        ('"a=b,c",d=e', {"a": "b,c", "d": "e"}),
        ('a={"x":1}', {"a": '{"x":1}'}),
        ("a=b=c,d=", {"a": "b=c", "d": ""}),
    ],
)
def test_values_with_commas_and_quotes(text: str, pairs: dict[str, str]) -> None:
    """Node metadata such as PROXY_CONFIG is JSON; pflag's own rule tells its commas apart."""
    assert GoMap().convert(text, None, None) == pairs
