"""Tests that no template hangs, fills the memory, or recurses without bound."""

from __future__ import annotations

import inspect
import sys

import pytest

from pyload.errors import TemplateError
from pyload.gotemplate import parse, run
from pyload.gotemplate.limits import MAX_STEPS
from tests.gotemplate.sample import FUNCTIONS

TOO_MANY = "template takes more than [0-9]+ steps"
TOO_MUCH = "template makes more than 33554432 characters"
TOO_DEEP = r"exceeded maximum template depth \(200\)"
NESTED = "blocks and parentheses nested more than 100 deep"


@pytest.fixture
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the steps: tests that go through all of them take a tenth of the time."""
    monkeypatch.setattr(run, "MAX_STEPS", MAX_STEPS // 10)


@pytest.mark.usefixtures("_few_steps")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}', TOO_DEEP),
        ('{{template "t" .}}', TOO_DEEP),
        (
            (
                '{{define "a"}}{{with 1}}{{range list 1}}{{template "b"}}{{end}}{{end}}{{end}}'
                '{{define "b"}}{{template "a"}}{{end}}{{template "a"}}'
            ),
            TOO_DEEP,
        ),
        ("{{range 1000000000}}{{end}}", TOO_MANY),
        ("{{range 1000000000}}x{{end}}", TOO_MANY),
        ("{{range 9223372036854775807}}{{if eq . -1}}{{break}}{{end}}{{end}}", TOO_MANY),
        ("{{range 9999}}{{range 9999}}x{{end}}{{end}}", TOO_MANY),
        ('{{range 2000}}{{printf "%99999d" 1}}{{end}}', "characters|steps"),
        ('{{$s := "ab"}}{{range 60}}{{$s = print $s $s}}{{end}}{{$s}}', TOO_MANY),
        ("{{range 2000}}" + "x" * 100_000 + "{{end}}", TOO_MUCH),
        ("{{$s := list 1 2}}{{range 60}}{{$s = list $s $s}}{{end}}{{$s}}", "200000 parts"),
        ("{{$s := list 1}}{{range 300}}{{$s = list $s}}{{end}}{{$s}}", "nested more than 200 deep"),
        (
            "{{$s := list 1}}{{range 300}}{{$s = list $s}}{{end}}{{range 1e3}}{{end}}{{$s}}",
            "range can't iterate over 1000",
        ),
    ],
)
def test_stops_what_goes_on_and_on(text: str, message: str) -> None:
    """A mistake in a template would hang the program, or have it killed for its memory."""
    with pytest.raises(TemplateError, match=message) as caught:
        parse(text, name="t", functions=FUNCTIONS).render({})
    assert caught.value.stage == "execute"


@pytest.mark.parametrize(
    "text",
    [
        "{{range 50}}{{$.s}}{{end}}",
        "{{range 33}}{{$.s}}{{end}}{{print .s}}",
        '{{printf "%9999999d%9999999d%9999999d%9999999d" 1 2 3 4}}',
        '{{$s := printf "%9999999d" 1}}{{print $s $s $s $s}}',
    ],
)
def test_stops_before_the_output_is_too_much(text: str) -> None:
    """The objects of one template would fill the memory."""
    with pytest.raises(TemplateError, match="more than 33554432 characters"):
        parse(text, functions={}).render({"s": "x" * 1_000_000})


@pytest.mark.usefixtures("_few_steps")
def test_counts_the_calls_of_templates() -> None:
    """Definitions that each use the next one twice would run for longer than the sun."""
    texts = [
        f'{{{{define "{n}"}}}}{{{{template "{n + 1}"}}}}{{{{template "{n + 1}"}}}}{{{{end}}}}'
        for n in range(60)
    ]
    template = parse("".join(texts) + '{{define "60"}}x{{end}}{{template "0"}}', functions={})
    with pytest.raises(TemplateError, match=TOO_MANY):
        template.render({})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}", NESTED),
        ("{{if 1}}" * 5000 + "{{end}}" * 5000, NESTED),
        ("{{range 1}}{{with 1}}" * 2500 + "{{end}}" * 5000, NESTED),
        ('{{define "x"}}' * 3000, "unexpected <define> in command"),
    ],
)
def test_stops_reading_what_is_nested_too_deep(text: str, message: str) -> None:
    """A generated template would end the program with a traceback."""
    with pytest.raises(TemplateError, match=message) as caught:
        parse(text, functions={})
    assert caught.value.stage == "parse"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{" + "(" * 95 + "1" + ")" * 95 + "}}", "1"),
        ("{{if 1}}" * 95 + "x" + "{{end}}" * 95, "x"),
        ("{{if 0}}" + "{{else if 0}}" * 1000 + "{{else}}y{{end}}", "y"),
        ("{{1" + " | print" * 100 + "}}", "1"),
        ("{{.a" + ".b" * 1000 + "}}", "<no value>"),
        ("{{" + "(" * 45 + "." + ").a" * 45 + "}}", "<no value>"),
        ("{{.x}}a" * 2000, "<no value>a" * 2000),
        ("{{range 9223372036854775807}}{{break}}{{end}}x", "x"),
        (
            (
                '{{define "r"}}{{if .}}{{template "r" (slice . 1)}}{{else}}done{{end}}{{end}}'
                f'{{{{template "r" "{"x" * 150}"}}}}'
            ),
            "done",
        ),
    ],
)
def test_large_templates_are_no_mistake(text: str, expected: str) -> None:
    """A long or deep template that pilot-load renders would be refused."""
    assert parse(text, functions=FUNCTIONS).render({}) == expected


def test_too_long_a_pipeline_is_an_error() -> None:
    """It would end the program with a traceback."""
    template = parse("{{1" + " | print" * 5000 + "}}", name="t", functions={})
    with pytest.raises(TemplateError, match="template: t: nested too deep"):
        template.render({})


def test_what_python_cannot_do_is_an_error_of_the_template() -> None:
    """A caller far down the stack, or short of memory, would get Python's own errors."""

    def deep(frames: int) -> None:
        if frames:
            deep(frames - 1)
        else:
            parse("{{" + "(" * 95 + "1" + ")" * 95 + "}}", functions={})

    with pytest.raises(TemplateError, match="template: template:1: nested too deep"):
        deep(sys.getrecursionlimit() - len(inspect.stack(0)) - 60)

    class Huge:
        def __str__(self) -> str:
            raise MemoryError

    with pytest.raises(TemplateError, match="template: t: out of memory"):
        parse("{{.}}", name="t", functions={}).render(Huge())
