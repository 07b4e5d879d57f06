"""No function takes all memory or time."""

from __future__ import annotations

import pytest

from pyload.gotemplate.sprig import bounds
from tests.gotemplate.sprig.support import failure


@pytest.mark.parametrize(
    "template",
    [
        '{{repeat 999999999999 "x"}}',
        '{{repeat 99999 "x" | replace "" (repeat 99999 "y")}}',
        '{{repeat 999999 "\\n" | indent 999999}}',
        "{{indent 999999999 .Name}}",
        '{{join (repeat 999999 "x") (until 9999)}}',
        '{{regexReplaceAll "." (repeat 99999 "x") (repeat 99999 "y")}}',
        "{{until 999999999}}",
        "{{untilStep 0 -999999999 -1}}",
        "{{seq 999999999}}",
        '{{repeat 9999999 "aB" | snakecase}}',
        '{{repeat 9999999 "aB" | swapcase}}',
        '{{repeat 9999999 "aB" | camelcase}}',
        '{{repeat 9999999 "a " | initials}}',
        '{{repeat 9999999 "a " | wrap 1}}',
        '{{repeat 9999999 "a " | nospace}}',
        '{{repeat 9999999 "a" | shuffle}}',
        '{{repeat 9999999 "a" | b64dec}}',
        '{{repeat 9999999 "a" | b32dec}}',
        '{{date (repeat 9999999 "Mon") 0}}',
    ],
)
def test_what_would_be_too_large_is_refused(template: str) -> None:
    """A typing error would fill the memory, or stop the program for minutes."""
    assert " than " in failure(template) or "too long" in failure(template)


@pytest.mark.parametrize("call", ["toJson", "deepCopy"])
def test_lists_that_contain_each_other_often_are_refused(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Forty lines of template would make a text of terabytes."""
    monkeypatch.setattr(bounds, "MAX_STEPS", 10_000)
    value: list[object] = []
    for _ in range(40):
        value = [value, value]
    assert "more than 10000 values" in failure(f"{{{{{call} .value}}}}", value=value)
