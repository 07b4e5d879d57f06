"""Words of a text, in every case that sprig knows.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest

from tests.gotemplate.sprig.support import render

OUTPUTS = (
    ('{{initials "été foo"}}', "Ãf"),
    ('{{swapcase "This Is A.Test ǅx"}}', "tHIS iS a.tEST ǆX"),
    ('{{title "hello wOrld_x a-b ǆ"}}', "Hello WOrld_x A-B ǅ"),
    ('{{untitle "Hello World"}}', "hello world"),
    ('{{snakecase "HTTPServer"}}', "http_server"),
    ('{{snakecase "NoHTTPS"}}', "no_https"),
    ('{{snakecase "GO_PATH"}}', "go_path"),
    ('{{snakecase "http2xx"}}', "http_2xx"),
    ('{{snakecase "HTTP20xOK"}}', "http_20x_ok"),
    ('{{snakecase "Duration2m3s"}}', "duration_2m3s"),
    ('{{snakecase "Bld4Floor3rd"}}', "bld4_floor_3rd"),
    ('{{kebabcase "FirstName Last"}}', "first-name-last"),
    ('{{kebabcase "a.b--c"}}', "a.b--c"),
    ('{{camelcase "some_words-here now"}}', "SomeWordsHereNow"),
    ('{{camelcase "_x__y_"}}', "_X_Y_"),
    ('{{camelcase "HTTPServer"}}', "Httpserver"),
    ('{{camelcase "x"}}', "X"),
    ('{{camelcase "--"}}', "---"),
    ('{{snakecase "日本Go"}}', "日本_go"),
    ('{{swapcase "hELLO wORLD"}}', "Hello World"),
    ('{{title "john o\'neil"}}', "John O'Neil"),
    ('{{untitle "First Try"}}', "first try"),
    ('{{initials "a b-c"}}', "ab"),
    ('{{upper "ß"}}', "ß"),
    ('{{lower "ÀB"}}', "àb"),
    ('{{snakecase ""}}', ""),
    ('{{snakecase "123abc"}}', "123abc"),
    ('{{snakecase "abc1"}}', "abc1"),
    ('{{snakecase "A1b"}}', "a_1b"),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_casing_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break names that a template derives."""
    assert render(template) == expected
