"""Errors as users read them, and as scripts see them by the exit code."""

from __future__ import annotations

import inspect
import re

import pytest

from pyload import errors
from pyload.errors import (
    ApiError,
    CleanupIncomplete,
    ConfigError,
    Problem,
    PyloadError,
    StreamError,
    UsageError,
)


def test_the_tree_in_the_module_is_that_of_the_classes() -> None:
    """A script that acts on exit codes would be written after a page that is wrong."""
    drawn = {}
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if row := re.match(r"([ │├└─]*)([A-Z]\w+) +(\d+)\b", line):
            depth = len(row[1]) // 4 - 1
            parents[depth:] = [row[2]]
            drawn[row[2]] = (parents[depth - 1] if depth else "Exception", int(row[3]))

    assert drawn == {
        name: (kind.__bases__[0].__name__, kind.exit_code)
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, PyloadError)
    }


def test_the_text_says_what_and_what_to_do() -> None:
    """The way out of an error would be lost on the way to the terminal."""
    assert str(PyloadError("no server")) == "no server"
    assert str(UsageError("no server", fix="start one")) == "no server; start one"


def test_a_step_stands_before_the_error_itself() -> None:
    """A user could not tell which part of a long start has failed."""
    error = UsageError("no server", fix="start one")
    with pytest.raises(UsageError, match="while connecting: no server; start one") as caught:
        raise error.during("while connecting")
    assert caught.value is error


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("f", 3, 7, "bad key", "remove it"), "f:3:7: bad key; remove it"),
        (Problem("f", 3, 7, "bad key"), "f:3:7: bad key"),
        (Problem("-", 0, 0, "empty"), "-: empty"),
        (Problem("f", 0, 0, "no such file", "check the path"), "f: no such file; check the path"),
    ],
)
def test_a_problem_begins_with_its_place(problem: Problem, text: str) -> None:
    """Editors could not jump to the line of a mistake, or would to a line 0."""
    assert str(problem) == text


def test_a_config_error_shows_each_problem_on_a_line() -> None:
    """The user would mend the file one run at a time."""
    problems = (Problem("f", 1, 2, "a", "b"), Problem("f", 10, 1, "c"))
    error = ConfigError(problems)
    assert str(error).splitlines() == ["f:1:2: a; b", "f:10:1: c"]
    assert error.problems == problems


def test_problems_are_in_the_order_of_the_file() -> None:
    """Line 10 would come before line 9."""
    first, second = Problem("f", 9, 3, "b"), Problem("f", 9, 20, "a")
    third = Problem("f", 10, 1, "a")
    assert sorted([third, second, first]) == [first, second, third]


@pytest.mark.parametrize(
    ("reason", "message", "text"),
    [
        ("Invalid", "x" * 1000, "x" * 256),
        ("Invalid", "", "Invalid"),
        ("", "", "no message"),
    ],
)
def test_a_refusal_is_shown_in_the_words_that_there_are(
    reason: str, message: str, text: str
) -> None:
    """A page of a megabyte would fill the log, and an empty answer would leave a colon."""
    error = ApiError(status=422, reason=reason, message=message, verb="POST", path="/x")
    assert str(error) == f"POST /x: HTTP 422: {text}"


def test_the_end_of_a_stream_reads_as_grpc_writes_it() -> None:
    """Users compare the text with istiod's log; a long one would fill theirs."""
    error = StreamError(code=14, name="UNAVAILABLE", message="m" * 1000)
    assert str(error) == f"rpc error: code = UNAVAILABLE desc = {'m' * 256}"


def test_what_is_left_behind_is_counted_and_shown_in_part() -> None:
    """A hundred thousand names would hide how many there are."""
    few = CleanupIncomplete(("Pod mesh/a", "Node n"), fix="run `pyload cleanup`")
    assert str(few) == ("cleanup left 2 objects behind: Pod mesh/a, Node n; run `pyload cleanup`")
    many = CleanupIncomplete(tuple(f"Node {number}" for number in range(12)))
    assert str(many).endswith("Node 8, Node 9 and 2 more")
    assert len(many.left) == 12
