"""Random templates and formats: nothing but the template error may come out."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.errors import TemplateError
from pyload.gotemplate import parse
from pyload.gotemplate.printf import sprintf
from tests.gotemplate.sample import FUNCTIONS

PIECES = st.sampled_from(
    [
        *(
            "{{",
            "}}",
            "{{- ",
            " -}}",
            "{{/*",
            "*/}}",
            "(",
            ")",
            "|",
            ".",
            ",",
            ":=",
            "=",
            " ",
            "\n",
        ),
        *("$", "$x", "$x.a", ".a", ".b.c", ".l", ".m", ".n", ".nil", "nil", "true", "1", "-2"),
        *("1.5", "'c'", '"s"', "`r`", "2i", "0x1p4", "9223372036854775808", '"%d %s"', '"%*[2]v"'),
        *("{{if .a}}", "{{else}}", "{{else if .b}}", "{{else with .m}}", "{{end}}", "{{with .m}}"),
        *("{{range .l}}", "{{range $i, $x := .m}}", "{{range 1000000000}}", "{{break}}"),
        *("{{continue}}", '{{define "t"}}', '{{template "t" .}}', '{{template "main"}}'),
        *('{{block "t" .}}', "{{$x := 1}}", "{{$x = .l}}", "{{.}}", "{{$x}}", "{{1}}", "text"),
        *(f"{name} " for name in ("print", "printf", "len", "index", "slice", "eq", "lt", "and")),
        *(f"{name} " for name in ("or", "not", "html", "js", "urlquery", "call", "list", "dict")),
        *("é", "\x00", "\ud800", "\u2028", "\U0001f600", "0b", "_", "1_0", "\\", "'", '"', "`"),
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=3)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
DATA: dict[str, Any] = {
    "a": True,
    "b": {"c": "x"},
    "l": [1.0, "two", None, [3]],
    "m": {"k": "v", "a": {"b": 1}},
    "n": 5,
    "nil": None,
}


def renders(text: str, data: object) -> None:
    """Render a template; what is wrong with it must be told by the template error."""
    found: TemplateError | None = None
    result = ""
    try:
        result = parse(text, name="main", functions=FUNCTIONS).render(data)
    except TemplateError as error:
        found = error
    result.encode()
    if found is not None:
        assert found.stage in ("parse", "execute")
        assert found.line >= 1
        assert found.column >= 0


@given(st.lists(PIECES, max_size=25).map("".join))
@settings(max_examples=150)
def test_no_template_does_anything_but_render_or_fail(text: str) -> None:
    """A user's mistake would end in a traceback, or never."""
    renders(text, DATA)


@given(st.lists(PIECES, max_size=8).map(lambda pieces: "{{" + " ".join(pieces) + "}}"))
@settings(max_examples=150)
def test_no_action_does_anything_but_render_or_fail(text: str) -> None:
    """A user's mistake would end in a traceback, or never."""
    renders(text, DATA)


@given(st.text(max_size=40), VALUES)
def test_no_text_or_data_do(text: str, value: object) -> None:
    """What comes from a config file would end in a traceback."""
    renders(text, value)
    renders("{{.}} {{printf `%v %#v %q %x %T` . . . . .}} {{range .}}{{.}}{{end}}", value)
    renders("{{eq . .}}{{lt . 1}}", value)
    renders("{{len .}}{{index . 0}}{{slice . 1}}{{html .}}{{js .}}{{urlquery .}}", value)


@given(
    st.lists(
        st.sampled_from([*"%%%%[]*.#+- 0123vTtdbcoOqxXUeEfFgGspwz!é\ud800", "[1]", "[2]", "12"])
    ).map("".join),
    st.lists(LEAVES, max_size=3),
)
@settings(max_examples=150)
def test_no_format_fails(text: str, values: list[Any]) -> None:
    """A wrong directive would end the rendering, where Go only says so in the output."""
    assert isinstance(sprintf(text, values), str)
