"""Tests of the templates of a config, and of their uses."""

from __future__ import annotations

import pytest

from pyload.config.build_model import build_config
from pyload.config.dialect import choose_dialect
from pyload.config.model import (
    ConfigRef,
)
from pyload.config.scalars import Findings
from pyload.config.yaml import MappingNode, compose
from tests.config.configs import application, problems, read, warnings


def test_templates_are_read_as_the_template_engine_wants_them() -> None:
    """A value that reached a template as text would render another object."""
    text = """\
dialect: current
templates: {a: "{{ .Name }}", b: ~}
namespaces:
- configs: [a, {name: b, refresh: no, config: {size: 5, on: y, l: [1.5, ~, {x: "1"}]}}]
"""
    findings = Findings("f", lenient=False)
    root = compose(text.encode(), source="f").root
    assert isinstance(root, MappingNode)
    config, _ = build_config(findings, choose_dialect(findings, root), root)

    assert config.templates == {"a": "{{ .Name }}", "b": ""}
    assert config.namespaces[0].configs == (
        ConfigRef("a"),
        ConfigRef("b", {"size": 5, "true": True, "l": [1.5, None, {"x": "1"}]}, refresh=False),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "namespaces: [{configs: [sidecars]}]",
            "f:1:25: there is no template `sidecars`; did you mean `sidecar`?",
        ),
        (
            "templates: {mine: x}\nnamespaces: [{applications: [{configs: [{name: zzz}]}]}]",
            "f:2:41: there is no template `zzz`; use one of httproute, istio-gateway, mine,",
        ),
        ("templates: {a: '{{.x'}", "f:1:16: template: a:1: unclosed action"),
        ("templates: {a: '{{nope}}'}", 'f:1:16: template: a:1: function "nope" not defined'),
        (
            "templates:\n  a: |\n    x\n    {{ .Name | uper }}\n",
            'f:2:6: template: a:2: function "uper" not defined; did you mean upper?',
        ),
        ("templates: {a: [b]}", "f:1:16: `templates.a` takes text, not a list; put it in a block"),
        ("templates: [a]", "f:1:12: `templates` takes a mapping of names to texts, not a list"),
        ("namespaces: [{configs: [{}]}]", "f:1:25: an item of `configs` needs the name of a"),
        ("namespaces: [{configs: sidecar}]", "f:1:24: `configs` takes a list"),
        (
            "namespaces: [{configs: [{name: sidecar, config: {Rand: 5}}]}]",
            "f:1:56: `config.Rand` takes a boolean, not the number `5`",
        ),
        (
            "namespaces: [{configs: [{name: sidecar, config: {Namespace: A_b}}]}]",
            "f:1:61: `A_b` cannot be a Kubernetes name",
        ),
        (
            "namespaces: [{configs: [{name: sidecar, config: [a]}]}]",
            "f:1:49: `config` takes a mapping, not a list",
        ),
        (
            "namespaces: [{configs: [{name: sidecar, refresh: 'true'}]}]",
            "f:1:50: `refresh` takes a boolean",
        ),
        (
            "namespaces: [{configs: [{name: sidecar, values: {}}]}]",
            "f:1:41: unknown key `values`",
        ),
    ],
)
def test_templates_that_cannot_be_used_are_told_with_their_place(text: str, expected: str) -> None:
    """A run would fail in the middle of its start, and the user look for the line."""
    (problem,) = problems(text)
    assert problem.startswith(expected)


def test_a_template_in_place_of_a_builtin_is_warned_of() -> None:
    """All applications would change what they apply, and perhaps nobody meant it."""
    text = "templates:\n  mine: a\n  sidecar: b\n"
    assert warnings(text) == ['f:3:3: overriding default template "sidecar"']


def test_values_that_say_nothing_are_left_out() -> None:
    """A key with nothing behind it would be a crash at the start, as it is in pilot-load."""
    config = read(
        "namespaces: [{configs: [{name: sidecar, config: {Rand: ~, Namespace: ~, other: ~}}]}]"
    ).config
    assert config.namespaces[0].configs == (ConfigRef("sidecar", {"other": None}),)


@pytest.mark.parametrize(
    "text",
    [
        "templates:",
        "templates: {}",
        "namespaces: [{configs: []}]",
        "namespaces: [{configs: ~}]",
        application("configs:"),
    ],
)
def test_what_asks_for_nothing_is_not_refused(text: str) -> None:
    """Configs that only spell out that something is off could not be run."""
    assert warnings(text) == []
