"""The environment; other machines stay out of reach."""

from __future__ import annotations

import os

import pytest

from pyload.gotemplate import parse
from tests.gotemplate.sprig.support import failure, render


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$X", "1"),
        ("${HOME}/x", "/home/ann/x"),
        ("$NONE|${NONE}", "|"),
        ("$X_1 $XY", " "),
        ("a$", "a$"),
        ("$ $.", "$ $."),
        ("$$X $*", "X "),
        ("${}x ${", "x "),
        ("${X", "X"),
        ("$1X", "X"),
    ],
)
def test_variables_are_expanded_as_go_expands_them(text: str, expected: str) -> None:
    """A template would get another text than from Go's os.ExpandEnv."""
    assert render("{{expandenv .text}}", text=text) == expected


def test_a_variable_that_is_not_set_is_empty() -> None:
    """A template that tests for it would fail."""
    assert render('{{env "X"}}|{{env "NONE"}}|') == "1||"


def test_without_surroundings_the_environment_is_that_of_the_process() -> None:
    """`env` would not show what the user has set."""
    assert parse('{{env "PATH"}}', name="t").render({}) == os.environ["PATH"]


def test_the_network_is_out_of_reach() -> None:
    """The same config would give another mesh from another place."""
    expected = "templates cannot look up 'localhost': pyload renders them without the network"
    assert failure('{{getHostByName "localhost"}}') == expected
