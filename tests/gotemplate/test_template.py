"""Tests of reading and rendering templates as the library offers it."""

from __future__ import annotations

import pytest

import pyload.gotemplate
from pyload.errors import TemplateError, UsageError
from pyload.gotemplate import Template, parse
from pyload.gotemplate.functions import Failure, Function, by_name


def failure(text: str, data: object = None, *, name: str = "t") -> TemplateError:
    """Return the error of a template that cannot be parsed or rendered."""
    with pytest.raises(TemplateError) as caught:
        parse(text, name=name).render(data)
    return caught.value


def test_offers_two_names() -> None:
    """Users of the library could not find the functions, or find those that may change."""
    assert sorted(pyload.gotemplate.__all__) == ["Template", "parse"]


def test_renders_a_mapping() -> None:
    """The example of the documentation would not work."""
    template = parse("host: {{.Name}}.example.com", name="v")
    assert template.render({"Name": "web"}) == "host: web.example.com"
    assert (template.name, template.text) == ("v", "host: {{.Name}}.example.com")
    assert repr(template) == "Template('v')"


def test_a_template_renders_again_and_again() -> None:
    """Variables of one object would show up in the next one."""
    template = parse("{{$x := .n}}{{range .l}}{{$x = print $x .}}{{end}}{{$x}}")
    assert [template.render({"n": str(n), "l": ["a", "b"]}) for n in range(3)] == [
        "0ab",
        "1ab",
        "2ab",
    ]


def test_data_need_not_be_a_mapping() -> None:
    """A template for a list or for nothing could not be used."""
    assert parse("{{range .}}{{.}};{{end}}").render([1, "a"]) == "1;a;"
    assert parse("{{.}} {{.x.y}}").render(None) == "<no value> <no value>"


def test_rendering_leaves_the_data_alone() -> None:
    """One rendering would change what the next one gets."""
    data = {"l": [1, 2], "m": {"a": 1}}
    parse("{{range $i, $e := .l}}{{$e = 5}}{{end}}{{$m := .m}}{{$m = 1}}").render(data)
    assert data == {"l": [1, 2], "m": {"a": 1}}


def test_an_error_of_reading_tells_the_place() -> None:
    """The user would have to search the template for the mistake."""
    error = failure("a\nb {{.x | nofunc}}", name="mine")
    assert (error.stage, error.name, error.line, error.column) == ("parse", "mine", 2, 9)
    assert str(error) == (
        'template: mine:2: function "nofunc" not defined; see column 10: {{.x | nofunc}}'
    )
    assert isinstance(error, UsageError)
    assert error.exit_code == 2


def test_an_error_of_executing_tells_the_place_in_bytes() -> None:
    """The user would have to search the template for the mistake; Go counts bytes from 0."""
    error = failure("\n✓{{ index .l 9 }}", {"l": []})
    assert (error.stage, error.name, error.line, error.column) == ("execute", "t", 2, 6)
    assert error.what == (
        'template: t:2:6: executing "t" at <index .l 9>: error calling index: index out of range: 9'
    )


def test_an_error_in_a_definition_names_that() -> None:
    """The user would look for the mistake in the wrong template."""
    error = failure('{{define "inner"}}{{.a.b}}{{end}}{{template "inner" .}}', {"a": 1})
    assert error.name == "inner"
    assert error.what == (
        'template: t:1:22: executing "inner" at <.a.b>: '
        "can't evaluate field b in type interface {}"
    )


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("{{printz 1}}", "did you mean print?; see column 3: {{printz 1}}"),
        ("{{upperz .x}}", "did you mean upper?; see column 3: {{upperz .x}}"),
        ("{{$name := 1}}{{$namez}}", "did you mean $name?; see column 17: {{$namez}}"),
        (
            '{{define "header"}}{{end}}{{template "headerz"}}',
            'did you mean "header"? templates are "header", "t"',
        ),
        ('{{template "zzz"}}', 'templates are "t"'),
        ("{{if .x}}\n", "see column 1"),
        ("{{.x\n}}{{", "see column 5: {{"),
        ("{{if .x}}{{end", "see column 15: {{end"),
        ("{{/* a", "see column 3: {{/* a"),
        ("{{" + "x" * 100, f"see column 3: {{{{{'x' * 78}"),
        ("{{ .x\n @ }}", "see column 2: {{ .x"),
        ("", ""),
    ],
)
def test_says_what_to_do(text: str, fix: str) -> None:
    """A misspelt name would have to be found in the documentation of some other project."""
    if text:
        assert failure(text).fix == fix


def test_templates_of_other_texts_can_be_used() -> None:
    """A user could not take a builtin template as a part of an own one."""
    library: dict[str, Template] = {}
    library["list"] = parse('{{range .}}{{template "item" .}}{{end}}', templates=library)
    library["item"] = parse("<{{.}}>", templates=library)
    assert library["list"].render([1, 2]) == "<1><2>"
    own = parse('{{define "item"}}!{{end}}{{template "item"}}', templates=library)
    assert own.render(None) == "!"


def test_functions_given_stand_beside_those_of_go() -> None:
    """A caller's own functions would hide or lack the basic ones."""
    functions = by_name(Function("twice", lambda text: text * 2, ("string",)))
    assert parse('{{twice "a" | printf "%q"}}', functions=functions).render(None) == '"aa"'
    with pytest.raises(TemplateError, match='"quote" not defined'):
        parse("{{quote 1}}", functions=functions)


def test_what_a_function_raises_is_an_error_of_the_template() -> None:
    """A bug in one function would end the run with a traceback."""

    def bad(kind: type[Exception]) -> str:
        raise kind

    template = parse("{{bad .}}", functions=by_name(Function("bad", bad, ("any",))))
    for kind in (ValueError, RecursionError, MemoryError, KeyError, Failure):
        with pytest.raises(TemplateError, match=f"error calling bad: {kind.__name__}"):
            template.render(kind)


def test_calls_what_data_hold() -> None:
    """Data of a library user with functions could not be used, as in Go."""
    template = parse("{{call .f 1 2}} {{call .f 3 4 | print}}", functions={})
    assert template.render({"f": lambda a, b: a + b}) == "3 7"


def test_bytes_that_are_no_text_are_replaced_at_the_end() -> None:
    """A string cut within a character would break the writing of the object."""
    assert parse(r'{{"\xc3"}}{{"\xa9"}} {{"\xff"}}', functions={}).render(None) == "é \ufffd"
    assert parse("{{.}}", functions={}).render("\ud800") == "\ufffd"
    cut = parse('{{slice . 0 2}} {{printf "%.1s" (slice . 1)}}', functions={})
    assert cut.render("\u4e16") == "\ufffd\ufffd \ufffd"


def test_a_missing_key_is_not_nil() -> None:
    """A template that asks deep for what may be missing would fail, or hide a nil."""
    assert parse("{{.a.b.c}}").render({}) == "<no value>"
    assert failure("{{.a.b}}", {"a": None}).what == (
        'template: t:1:4: executing "t" at <.a.b>: nil pointer evaluating interface {}.b'
    )
    assert parse("{{(.a).b}}").render({"a": None}) == "<no value>"


def test_other_mappings_and_sequences_work_as_data() -> None:
    """A library user would have to convert data first."""

    class Words(dict[str, object]):
        """A map of another type."""

    class Name(str):
        """A string of another type."""

        __slots__ = ()

    data = Words(b=(1, 2), a=Words(x="y"))
    text = "{{.a.x}} {{range .b}}{{.}}{{end}} {{.}} {{len .}}"
    assert parse(text).render(data) == "y 12 map[a:map[x:y] b:[1 2]] 2"
    assert parse("{{upper .}} {{len .}} {{eq . `a`}} {{.}}").render(Name("a")) == "A 1 true a"
    assert parse("{{range $k, $v := .}}{{$k}}{{$v}} {{end}}").render({2: "b", "1": "a"}) == "2b 1a "
