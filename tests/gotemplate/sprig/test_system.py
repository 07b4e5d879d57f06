"""The environment; other machines stay out of reach."""

from __future__ import annotations

import pytest

from pyload.errors import TemplateError
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


@pytest.mark.parametrize("call", ['env "PATH"', 'expandenv "$PATH"'])
def test_the_environment_is_read_only_where_it_is_given(call: str) -> None:
    """A config from somebody else would carry the tokens of its user into a cluster."""
    with pytest.raises(TemplateError, match="may not read the variable 'PATH' without --allow-env"):
        parse(f"{{{{{call}}}}}", name="t").render({})


def test_the_network_is_out_of_reach() -> None:
    """The same config would give another mesh from another place."""
    expected = "templates cannot look up 'localhost': pyload renders them without the network"
    assert failure('{{getHostByName "localhost"}}') == expected
