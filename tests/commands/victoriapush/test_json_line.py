"""Measurements as JSON lines."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.commands.victoriapush.json_line import (
    BATCH_RECORDS,
    BATCH_SECONDS,
    LONGEST_LINE,
    BadLine,
    Batcher,
    Lines,
    LineTooLong,
    Measurement,
    read_line,
    write_line,
)


@given(st.lists(st.binary(max_size=40)), st.data())
def test_lines_do_not_depend_on_how_the_input_is_cut(
    parts: list[bytes], data: st.DataObject
) -> None:
    """A pipe gives what it has, not whole lines."""
    whole = b"".join(parts)
    at = data.draw(st.lists(st.integers(0, len(whole))))
    cuts = [0, *sorted(at), len(whole)]
    lines = Lines()
    actual = [one for a, b in itertools.pairwise(cuts) for one in lines.feed(whole[a:b])]
    actual += lines.end()

    expected = [one.removesuffix(b"\r") for one in whole.split(b"\n")]
    assert actual == (expected if whole and whole[-1:] != b"\n" else expected[:-1])


@pytest.mark.parametrize("end", [b"\n", b""])
def test_the_longest_line(end: bytes) -> None:
    """The limit is pilot-load's, to the byte."""
    longest = b"x" * LONGEST_LINE
    lines = Lines()

    assert [*lines.feed(longest + end), *lines.end()] == [longest]
    with pytest.raises(LineTooLong):
        list(lines.feed(longest + b"x" + end))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"latency": 1.5, "timestamp": 7, "details": "d"}', Measurement(1.5, 7, "d")),
        ('{"LATENCY": 1, "thread": 4, "iter": 2, "more": {}}', Measurement(1.0, 0, "")),
        ('{"details": null}', Measurement(0.0, 0, "")),
        ("null", Measurement(0.0, 0, "")),
    ],
)
def test_lines_that_are_measurements(text: str, expected: Measurement) -> None:
    """Unknown and missing keys are fine, as for Go's decoder."""
    assert read_line(text.encode()) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "[]",
        '{"latency": true}',
        '{"latency": "1"}',
        '{"timestamp": 1.5}',
        '{"timestamp": 9223372036854775808}',
        '{"details": 1}',
        "\udcff",
    ],
)
def test_lines_that_are_not(text: str) -> None:
    """A wrong type is reported instead of being sent as something else."""
    with pytest.raises(BadLine):
        read_line(text.encode(errors="surrogatepass"))


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_no_value_is_changed_on_the_way(latency: float, timestamp: int, details: str) -> None:
    """What is shown must be what was measured."""
    measurement = Measurement(latency, timestamp, details)
    text = write_line(measurement, stream="s", sub_stream="")
    record = json.loads(text)

    assert record == {"_msg": details, "_time": timestamp, "value": latency, "stream": "s"}
    assert text.count(b"\n") == 1


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["add", "wait"]), max_size=60))
def test_no_record_waits_longer_than_five_seconds(steps: list[str]) -> None:
    """A dashboard would show a source that is slow as one that has stopped."""
    now, added, sent = 100.0, 0, 0
    batcher = Batcher(now)
    oldest: float | None = None
    for step in steps:
        if batcher.due is not None and batcher.due <= now:
            sent += len(batcher.flush(now))
            oldest = None
        if step == "wait":
            now += 1.0
        else:
            batcher.add(b"x")
            added += 1
            oldest = now if oldest is None else oldest
        assert (batcher.due is None) == (len(batcher) == 0)
        if oldest is not None:
            assert batcher.due is not None
            assert batcher.due <= oldest + BATCH_SECONDS

    assert sent + len(batcher.flush(now)) == added


def test_a_batch_is_full_at_five_hundred_records() -> None:
    """A request for each record would be all that VictoriaLogs has time for."""
    batcher = Batcher(0.0)
    full = [batcher.add(b"%d" % number) for number in range(BATCH_RECORDS)]

    assert full == [False] * (BATCH_RECORDS - 1) + [True]
    assert batcher.flush(1.0)[-1] == b"%d" % (BATCH_RECORDS - 1)
    assert (len(batcher), batcher.due) == (0, None)


@pytest.mark.parametrize(("latency", "text"), [(2.0, b"2,"), (2.5, b"2.5,"), (1e21, b"1e+21,")])
def test_numbers_are_written_as_go_writes_them(latency: float, text: bytes) -> None:
    """A field that is `2` in one record and `2.0` in the next is two values to group by."""
    line = write_line(Measurement(latency, 0, ""), stream="s", sub_stream="t")

    assert b'"value":' + text in line
    assert line.endswith(b'"stream":"s","subStream":"t"}\n')


def test_a_bad_line_is_shown_in_part() -> None:
    """A line of 60 KB in an error would push everything else off the screen."""
    with pytest.raises(BadLine) as raised:
        read_line(b"x" * 60_000)

    assert len(str(raised.value)) < 200
