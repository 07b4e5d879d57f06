"""Tests of the state of a rendering: what its functions may make, and where it failed."""

from __future__ import annotations

import pytest

from pyload.gotemplate.functions import Failure
from pyload.gotemplate.limits import MAX_STEPS, MAX_TEXT
from pyload.gotemplate.nodes import Field, Source
from pyload.gotemplate.run import TOO_MANY_STEPS, TOO_MUCH_TEXT, Run, Site


def test_the_pieces_of_the_output_are_kept_in_order() -> None:
    """An object would come out with its keys mixed."""
    run = Run()
    run.write("a")
    run.write("b")
    assert run.pieces == ["a", "b"]


def test_a_functions_text_counts_by_its_length() -> None:
    """A loop that doubles a text would fill the memory before it prints anything."""
    run = Run()
    run.charge("x" * 160)
    run.charge(b"x" * 16)
    assert (run.made, MAX_STEPS - run.steps) == (176, 11)

    run.made = MAX_TEXT
    run.charge("")
    with pytest.raises(Failure) as caught:
        run.charge("x")
    assert str(caught.value) == TOO_MUCH_TEXT


def test_a_functions_list_counts_as_steps_alone() -> None:
    """A list of millions would cost as little as one of ten, or be charged as text."""
    run = Run()
    run.charge([0] * 32)
    run.charge({})
    assert (run.made, MAX_STEPS - run.steps) == (0, 2)

    run.steps = 1
    with pytest.raises(Failure) as caught:
        run.charge([0] * 32)
    assert str(caught.value) == TOO_MANY_STEPS


def test_an_error_names_the_place_and_the_part_of_the_template() -> None:
    """The user would have to search the file for the action that failed."""
    site = Site(Source("file", "é\n{{.a}} ✓{{.b}}"), "inner", Field(14, ("b",)))
    error = site.error("it is broken", fix="mend it")

    assert error.what == 'template: file:2:14: executing "inner" at <.b>: it is broken'
    assert (error.stage, error.name, error.line, error.column) == ("execute", "inner", 2, 14)
    assert error.fix == "mend it"


@pytest.mark.parametrize(
    ("error", "text"),
    [(Failure("no luck"), "no luck"), (ZeroDivisionError(), "ZeroDivisionError")],
)
def test_a_function_that_failed_is_named_with_its_words(error: Exception, text: str) -> None:
    """An exception without a text would leave a colon with nothing behind it."""
    site = Site(Source("t", "{{.b}}"), "t", Field(2, ("b",)))
    assert site.failed("quote", error).what.endswith(f"at <.b>: error calling quote: {text}")
