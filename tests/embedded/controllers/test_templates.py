"""Pods from templates."""

from __future__ import annotations

from random import Random

from pyload.embedded.controllers.templates import suffix, template_hash


def test_the_hash_follows_the_template_alone() -> None:
    """Every sync would make a new ReplicaSet, or an edit none."""
    first = {"metadata": {"labels": {"a": "1"}}, "spec": {"x": 1}}

    assert template_hash(first) == template_hash({"spec": {"x": 1}, **first})
    assert template_hash(first) != template_hash({**first, "spec": {"x": 2}})
    assert len(suffix(Random(1))) == 5
