"""Cutting large files of Kubernetes objects into single objects."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.config.data import read_data
from pyload.errors import ConfigError
from pyload.kube import documents
from pyload.kube.documents import Piece, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
LINES = st.text(st.sampled_from("- #:'\"{}[]\\,\nabitems"), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXT | LINES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(
    st.dictionaries(TEXT, VALUES, max_size=3).map(lambda rest: {"kind": "Pod", **rest}),
    max_size=4,
)


def cut(data: bytes, at: Iterable[int]) -> Iterator[bytes]:
    """Return a file in chunks."""
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    for begin, end in itertools.pairwise(places):
        yield data[begin:end]


def read(pieces: Iterable[Piece]) -> list[Any]:
    """Read pieces as the commands do."""
    values = [
        json.loads(piece.data) if piece.is_json else read_data(piece.data, source="x")
        for piece in pieces
    ]
    return [value for value in values if value is not None]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("form", ["lines", "array", "list"])
@settings(max_examples=30)
@given(objects=OBJECTS, at=st.lists(st.integers(0, 1 << 20), max_size=6))
def test_json_in_each_form(
    form: str, indent: int | None, objects: list[Any], at: list[int]
) -> None:
    """`kubectl get -o json`, `jq -c .items[]` and `jq .items` are what people have."""
    if form == "lines":
        text = "".join(json.dumps(each, indent=indent) + "\n" for each in objects)
    elif form == "array":
        text = json.dumps(objects, indent=indent)
    else:
        whole = {"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"a": [1]}}
        text = json.dumps(whole, indent=indent)

    assert read(split(cut(text.encode(), at), source="x")) == objects


@pytest.mark.parametrize("indented", [False, True])
@pytest.mark.parametrize("form", ["documents", "list"])
@settings(max_examples=30)
@given(objects=OBJECTS, at=st.lists(st.integers(0, 1 << 20), max_size=6))
def test_yaml_in_each_form(
    form: str,
    indented: bool,  # noqa: FBT001
    objects: list[Any],
    at: list[int],
) -> None:
    """What stands in a text must never be taken for the end of an object."""

    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002
            super().increase_indent(flow, indentless=indentless and not indented)

    def literal(dumper: Dumper, text: str) -> yaml.ScalarNode:
        style = "|" if "\n" in text else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, literal)
    Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]
    if form == "documents":
        text = yaml.dump_all(objects, Dumper=Dumper, explicit_start=True, width=10**9)
    else:
        whole = {"apiVersion": "v1", "items": objects, "kind": "List"}
        text = yaml.dump(whole, Dumper=Dumper, width=10**9)
    found = read(split(cut(text.encode(), at), source="x"))
    if form == "list" and objects:
        assert found.pop() == {"kind": "List"}

    if form == "list" and not objects:
        assert found == [{"apiVersion": "v1", "items": [], "kind": "List"}]
    else:
        assert found == objects


def lines_of(text: str) -> list[tuple[int, str]]:
    """Return the line of each piece, and its first word."""
    return [
        (piece.line, piece.data.split()[0].decode()) for piece in split([text.encode()], source="x")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n---\nb: 1\n...\n---\nc: 1", [(1, "a:"), (3, "b:"), (6, "c:")]),
        ("%YAML 1.1\n--- # x\n\n---\nb: 1", [(5, "b:")]),
        ("--- {a: 1}\n---\n# nothing\n", [(1, "{a:")]),
        ("kind: List\nitems:\n- a: 1\n  b: 1\n- b: 2\n", [(3, "a:"), (5, "b:")]),
        ("items: # x\n\n  - a:\n    - 1\n  -\n    b: 2\nkind: List\n", [
            (3, "a:"), (6, "b:"), (7, "kind:"),
        ]),
        ("items:\n  a: 1\nb: 1", [(1, "items:")]),
        ("items:\nkind: List", [(1, "items:")]),
        ("items:\n- a: 1\n---\nitems:\n- b: 1", [(2, "a:"), (5, "b:")]),
        ("\ufeffa: |\n  ---\n  items:\n", [(1, "a:")]),
        ("\n\n  {\n}\n\n{}", [(3, "{"), (6, "{}")]),
        ('{"a": "}\\"{"}\n---\n{"items": [{"b": 1},\n{"c": 1}], "d": [{}]}\n[{}]', [
            (1, '{"a":'), (3, '{"b":'), (4, '{"c":'), (5, "{}"),
        ]),
        ("", []),
        ("# only\n", []),
    ],
)  # fmt: skip
def test_where_objects_begin(text: str, expected: list[tuple[int, str]]) -> None:
    """An error in line 400,000 must be found without counting."""
    assert lines_of(text) == expected


@pytest.mark.parametrize(
    "text", ['{"a": 1', "{} x {}", "[1, {}]", '["a", {}]', "[[{}]]", "{}]", '{"a": "', "{} 7"]
)
def test_what_is_not_json_objects(text: str) -> None:
    """Half a file would replay half a cluster, and look complete."""
    with pytest.raises(ConfigError, match=r"x:\d+:1"):
        list(split([text.encode()], source="x"))


@pytest.mark.parametrize("text", ["a: 1\n", '{"a": "b"}', "a" * 100])
def test_an_object_beyond_all_bounds_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of something else must not fill the memory."""
    monkeypatch.setattr(documents, "LARGEST", 1000)
    many = (text.rstrip("}").encode() for _ in range(2000))
    with pytest.raises(ConfigError, match="larger than"):
        list(split(many, source="x"))


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_large_list_is_not_held_in_memory(form: str) -> None:
    """A capture of a big cluster has a gigabyte."""
    item = {"kind": "ConfigMap", "data": {"text": "x" * 10_000}}

    def chunks() -> Iterator[bytes]:
        yield b'{"items": [' if form == "json" else b"items:\n"
        for number in range(2_000):
            text = json.dumps(item).encode()
            yield (b"," if number else b"") + text if form == "json" else b"- " + text + b"\n"
        yield b"]}" if form == "json" else b"kind: List\n"

    tracemalloc.start()
    try:
        count = sum(1 for _ in split(chunks(), source="x"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == (2_000 if form == "json" else 2_001)
    assert peak < 500_000
