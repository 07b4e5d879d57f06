"""Tests of the thresholds of a config."""

from __future__ import annotations

import pytest

from pyload.config.dump import dump
from pyload.config.parse import parse_config
from tests.config.configs import problems, read

TEXT = """\
thresholds:
- first_config.p99 < 2s
- none
- expr: proxies.failed <= 10
  abort: true
  after: 30s
namespaces: []
"""


@pytest.mark.parametrize("dialect", ["classic", "current"])
def test_both_dialects_have_thresholds(dialect: str) -> None:
    """What a run has to fulfil belongs beside the mesh that it runs (B4)."""
    thresholds = read(f"dialect: {dialect}\n{TEXT}").config.thresholds
    first, second = thresholds.items

    assert thresholds.without_defaults
    assert (first.expr, first.abort, first.after) == ("first_config.p99 < 2s", False, 0.0)
    assert (second.expr, second.abort, second.after) == ("proxies.failed <= 10", True, 30.0)


def test_a_dump_keeps_them() -> None:
    """The log shows with which config a run was judged."""
    config = read(TEXT).config
    text = dump(config, "classic")

    assert "- none\n- first_config.p99 < 2s\n- abort: true\n  after: 30s\n  expr: prox" in text
    assert parse_config(text.encode(), source="f").config.thresholds == config.thresholds


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            "proxy.failed == 0",
            (
                "f:2:3: threshold `proxy.failed == 0`: there is no figure `proxy.failed`; did you "
                "mean `proxies.failed`?"
            ),
        ),
        (
            "{expr: first_config.p99 < 2}",
            (
                "f:2:10: threshold `first_config.p99 < 2`: `2` does not fit `first_config.p99`; "
                "write a time with its unit, such as `2s` or `500ms`"
            ),
        ),
        (
            "{abort: true}",
            "f:2:3: a threshold needs an `expr`; write METRIC OP VALUE, as `first_config.p99 < 2s`",
        ),
        (
            "{expr: duration < 1h, after: 30s}",
            "f:2:32: `after` means nothing without `abort`; add `abort: true`, or remove it",
        ),
        (
            "5",
            (
                "f:2:3: a threshold is a text, not the number `5`; write METRIC OP VALUE, as "
                "`first_config.p99 < 2s`"
            ),
        ),
        (
            "{expr: duration < 1h, abrt: true}",
            "f:2:25: unknown key `abrt` in an item of `thresholds`; did you mean `abort`?",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(item: str, message: str) -> None:
    """A misspelt figure would be found after an hour, or never."""
    assert problems(f"thresholds:\n- {item}\n") == [message]
