"""Outages as the summary and the result show them."""

from __future__ import annotations

from dataclasses import replace

from pyload.report.outage import LISTED, Outage, Outages, reasons_text

OUTAGE = Outage(
    began=10.0,
    duration=30.0,
    open=False,
    lost=1005,
    connected=0,
    first_back=25.0,
    half_back=27.5,
    last_back=30.0,
    disconnects={"connect": 412, "unavailable": 1005},
)


def test_the_line_of_an_outage_tells_how_it_went() -> None:
    """Who reads a summary wants to know when it was, whom it hit, how it ended, and why."""
    assert OUTAGE.text() == (
        "from 10s for 30s, 1,005 of 1,005 proxies lost, first back after 25s, half back after "
        "27.5s, last after 30s; unavailable 1,005, connect 412"
    )


def test_an_outage_that_goes_on_says_that_nobody_is_back() -> None:
    """One would take it for over."""
    lasting = replace(
        OUTAGE, open=True, first_back=None, half_back=None, last_back=None, disconnects={}
    )
    assert lasting.text() == (
        "from 10s for 30s, 1,005 of 1,005 proxies lost, none back, not over at the end"
    )


def test_outages_beyond_the_list_are_counted() -> None:
    """A control plane that flaps for a day would fill the memory, or look as if it had stopped."""
    outages = Outages()
    for number in range(LISTED + 3):
        outages = outages.with_outage(replace(OUTAGE, duration=float(number)))
    assert (outages.count, outages.longest) == (LISTED + 3, LISTED + 2.0)
    assert outages.total == sum(range(LISTED + 3))
    rows = outages.rows()
    assert [name for name, _ in rows] == ["outages", *[""] * LISTED]
    assert rows[-1][1] == "and 3 more"


def test_a_span_has_the_outages_that_reach_into_it() -> None:
    """A step of a ladder would be blamed for an outage of the step before it."""
    outages = Outages().with_outage(OUTAGE).with_outage(replace(OUTAGE, began=100.0, open=True))
    assert outages.since(39.0).count == 2
    assert outages.since(40.0).count == 1
    assert outages.since(1000.0).first == (outages.first[1],)


def test_reasons_stand_in_the_order_of_their_counts() -> None:
    """The first that one reads would not be the one that matters."""
    assert reasons_text({"b": 1, "a": 1, "connect": 2000}) == "connect 2,000, a 1, b 1"
    assert reasons_text({}) == ""
