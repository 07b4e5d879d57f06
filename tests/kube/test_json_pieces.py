"""Objects cut out of a stream of JSON, whatever the pieces in which it comes."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.kube.json_pieces import NOT_JSON, JsonPieces

if TYPE_CHECKING:
    from collections.abc import Iterable

CUT_SHORT = "the file ends within an object"


def pieces_of(chunks: Iterable[bytes]) -> tuple[list[tuple[int, bytes]], str]:
    """Feed chunks up to the first problem; return the objects with their lines, and the problem."""
    pieces = JsonPieces()
    found: list[tuple[int, bytes]] = []
    for chunk in chunks:
        found += pieces.feed(chunk)
        if pieces.problem:
            break
    pieces.end()
    return found, pieces.problem


def objects_of(text: str) -> list[bytes]:
    """Return the objects of a text that is correct."""
    found, problem = pieces_of([text.encode()])
    assert not problem
    return [data for _, data in found]


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ('{"a": 1}\n{"b": 2}\n', [b'{"a": 1}', b'{"b": 2}']),
        ('\x1e{"a": 1}\n\x1e{"b": 2}\n', [b'{"a": 1}', b'{"b": 2}']),
        ("---\n{}\n---\n{}\n", [b"{}", b"{}"]),
        ("[{}, {}]\n[{}]", [b"{}", b"{}", b"{}"]),
        ("[]", []),
        ('{"kind": "List", "items" :\n [{"a": [1]}, {}], "metadata": {"b": {}}}', [
            b'{"a": [1]}', b"{}",
        ]),
        ('{"items": []}\n{"a": 1}', [b'{"a": 1}']),
        ('{"items": {}}', [b'{"items": {}}']),
        ('{"spec": {"items": [{}]}}', [b'{"spec": {"items": [{}]}}']),
        ('{"items": "[{}]"}', [b'{"items": "[{}]"}']),
        ('{"no": "items", "of": [{}]}', [b'{"no": "items", "of": [{}]}']),
        (r'{"a": "\\\"}{\\"}', [rb'{"a": "\\\"}{\\"}']),
        (" \n\t", []),
    ],
)  # fmt: skip
def test_objects_are_found_where_they_stand(text: str, objects: list[bytes]) -> None:
    """A capture would lose objects, or get some that stand inside others."""
    assert objects_of(text) == objects


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("7", NOT_JSON),
        ("{} 7 {}", NOT_JSON),
        ("{} 7", NOT_JSON),
        ("[1, {}]", NOT_JSON),
        ("[[{}]]", NOT_JSON),
        ("{}}", NOT_JSON),
        ("]", NOT_JSON),
        ('{"items": [[{}]]}', NOT_JSON),
        ('{"a": {}', CUT_SHORT),
        ('{"a": "b', CUT_SHORT),
        ("[{}", CUT_SHORT),
        ('{"items": [{}]', CUT_SHORT),
    ],
)
def test_what_is_not_objects_is_a_problem(text: str, problem: str) -> None:
    """Half a file would replay half a cluster, and look complete."""
    assert pieces_of([text.encode()])[1] == problem


def test_objects_before_a_problem_are_there() -> None:
    """A user could not tell where in a long file the mistake is."""
    assert pieces_of([b'{"a": 1}\n{}\n}'])[0] == [(1, b'{"a": 1}'), (2, b"{}")]


def test_the_end_does_not_hide_the_problem_before() -> None:
    """A text that is no JSON would read as one that was cut short."""
    assert pieces_of([b"[{}, [{"])[1] == NOT_JSON


def test_lines_are_counted_across_chunks() -> None:
    """An error in line 400,000 would be reported where there is none."""
    chunks = [b'\n{"a":', b'\n "x"}\n', b"\n{", b"}", b"\n[\n{}\n]\n"]
    assert [line for line, _ in pieces_of(chunks)[0]] == [2, 5, 7]


def test_only_the_current_object_is_held() -> None:
    """A capture of a gigabyte would be read into memory."""
    pieces = JsonPieces()
    assert len(list(pieces.feed(b'{"items": [' + b'{"a": 1},' * 1000))) == 1000
    assert len(pieces) <= 1
    assert list(pieces.feed(b'{"b": ')) == []
    assert len(pieces) <= 7
    assert list(pieces.feed(b'2}], "rest": "' + b"x" * 1000)) == [(1, b'{"b": 2}')]
    assert list(pieces.feed(b'"}')) == []
    assert (len(pieces), pieces.problem) == (0, "")


@given(
    st.lists(st.sampled_from([*'{}[],:"\\-1 \n\x1e', '"items"', '{"a": 1}', "é"]), max_size=30),
    st.lists(st.integers(1, 40), max_size=4),
)
def test_chunks_do_not_change_what_is_found(signs: list[str], at: list[int]) -> None:
    """The same file would be read or refused depending on how the disk delivers it."""
    data = "".join(signs).encode()
    places = sorted({0, len(data), *(place for place in at if place < len(data))})
    chunks = [data[begin:end] for begin, end in itertools.pairwise(places)]

    assert pieces_of(chunks) == pieces_of([data])


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=4) | st.just("items"),
            st.text(max_size=6) | st.lists(st.integers(), max_size=2),
            max_size=3,
        ).map(lambda rest: {"kind": "Pod", **rest, "items": 1}),
        max_size=4,
    ),
    st.sampled_from([None, 1]),
)
def test_pieces_are_the_objects_that_were_written(
    objects: list[dict[str, object]], indent: int | None
) -> None:
    """An object would be replayed with a part of another."""
    whole = json.dumps({"kind": "List", "items": objects}, indent=indent)
    assert [json.loads(data) for data in objects_of(whole)] == objects
