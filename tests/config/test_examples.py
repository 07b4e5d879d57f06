"""The examples that come with pyload."""

from __future__ import annotations

import pytest

from pyload.config import examples as module
from pyload.config.examples import SCHEMA, examples, read_example
from pyload.errors import PyloadError
from tests.conftest import ROOT

TEXT = """\
# yaml-language-server: $schema=../schema/classic.json
# A mesh: of
# two lines. And more.
namespaces: []
# not this
"""


def test_the_first_sentence_of_the_comment_is_the_summary() -> None:
    """The list of examples would show half a sentence, or a paragraph."""
    example = read_example("a", TEXT)

    assert example.summary == "A mesh: of two lines."
    assert read_example("b", "# One pod.\nkind: Pod\n").summary == "One pod."


def test_an_example_finds_its_schema_beside_itself() -> None:
    """`../schema` is where the schema stands here, and nowhere else."""
    lines = read_example("a", TEXT).text.splitlines()

    assert lines[0] == f"# yaml-language-server: $schema={SCHEMA}"
    assert lines[1:] == TEXT.splitlines()[1:]
    assert read_example("b", "kind: Pod\n").text == "kind: Pod\n"


def test_every_file_of_the_folder_is_an_example() -> None:
    """One that is not listed is not found by those who have no checkout."""
    folder = ROOT / "docs" / "examples"
    names = {str(path.relative_to(folder))[:-5] for path in folder.rglob("*.yaml")}

    assert {one.name for one in examples()} == names
    assert max(len(one.summary) for one in examples()) <= 53, "the list has a line for each"


def test_an_installation_without_examples_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that was built by other means may lack them."""
    monkeypatch.setattr(module, "_FOLDERS", ())

    with pytest.raises(PyloadError, match="not in this installation"):
        examples()
