"""Proxies by what they lack."""

from __future__ import annotations

from pyload.report.unserved import Unserved, by_lack


def test_proxies_that_lack_the_same_stand_together() -> None:
    """Ten lines would say the same, and the one proxy with another trouble be lost among them."""
    late = [("m/a", "no stream"), ("m/b", "no cds"), ("m/c", "no stream")]
    found = by_lack(late)

    assert found == (Unserved("no stream", ("m/a", "m/c")), Unserved("no cds", ("m/b",)))
    assert [one.text() for one in found] == ["no stream: m/a, m/c", "no cds: m/b"]
