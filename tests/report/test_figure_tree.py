"""Tests of the tree of a result's figures."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from pyload.report.figure_tree import Figure, Group, Keyed, attribute_docs, figure_tree
from pyload.report.latency import Latency
from pyload.report.outage import Outages
from pyload.report.result import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.report.figure_tree import Node


def nodes(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Yield every node below another with its path."""
    if isinstance(node, Keyed):
        yield from nodes(node.each, f"{path}.NAME")
    elif isinstance(node, Group):
        for name, part in node.parts.items():
            yield f"{path}.{name}", part
            yield from nodes(part, f"{path}.{name}")


def test_every_section_and_figure_is_explained() -> None:
    """A metric or a key of the schema would stand in its documentation without a word."""
    explained_above = {field.name for field in fields(Latency)}
    silent = {
        path
        for path, node in nodes(figure_tree())
        if not node.doc and path.rpartition(".")[2] not in explained_above
    }

    assert not silent, "say what it is in the docstring of its dataclass, under Attributes"


def test_an_explanation_of_two_lines_is_one_text() -> None:
    """The second half of a sentence would be missing."""
    docs = attribute_docs(Outages)

    assert docs["first"] == "The first 20 of them, in order."
    assert attribute_docs(Result)["run_id"].startswith("The run's label")
    assert all(" " in text and "\n" not in text for text in docs.values())


def test_texts_and_lists_are_no_figures() -> None:
    """A threshold or a metric of a text means nothing."""
    tree = figure_tree()
    outages = tree.parts["outages"]

    assert {"version", "command", "exit_reason", "tags"} <= set(tree.others)
    assert isinstance(outages, Group)
    assert outages.others == ("first",)


def test_the_keys_of_a_mapping_are_those_that_its_field_names() -> None:
    """``churn.workloads.done`` could not be told from a misspelt one."""
    churn = figure_tree().parts["churn"]

    assert isinstance(churn, Keyed)
    assert churn.keys == ("workloads", "configs", "secrets")
    assert isinstance(churn.each, Keyed)
    assert churn.each.keys == ("done", "failed", "idle", "dropped")
    assert isinstance(churn.each.each, Figure)
