"""What sprig takes as equal and as empty.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest

from pyload.gotemplate.sprig import bounds
from tests.gotemplate.sprig.support import failure, render

OUTPUTS = (
    ("{{deepEqual 1 1.0}}", "false"),
    ("{{deepEqual nil nil}}", "true"),
    ('{{deepEqual "a" "b"}}', "false"),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_equality_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break templates that compare lists or maps."""
    assert render(template) == expected


def test_lists_that_contain_each_other_often_end_in_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Forty lines of template would compare for years."""
    monkeypatch.setattr(bounds, "MAX_STEPS", 10_000)
    one, other = nested(40), nested(40)
    assert failure("{{deepEqual .one .other}}", one=one, other=other) == "more than 10000 values"


def test_a_list_that_contains_itself_ends_in_an_error() -> None:
    """The comparison would not end."""
    one: list[object] = []
    one.append(one)
    other: list[object] = []
    other.append(other)
    assert "levels" in failure("{{deepEqual .one .other}}", one=one, other=other)


def nested(depth: int) -> list[object]:
    """A list that holds a list twice, which holds a list twice, and so on."""
    value: list[object] = []
    for _ in range(depth):
        value = [value, value]
    return value
