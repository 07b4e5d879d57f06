"""How far a run is, as one line."""

from __future__ import annotations

from pyload.report.progress import Status


def test_a_status_is_one_line() -> None:
    """The user could not tell how far the run is."""
    assert str(Status("starting", 1.2)) == "starting 1s"
    assert str(Status("starting", 0.2, objects=1200)) == ("starting 0s, 1,200 objects")
    assert str(Status("running", 61, 5, 1000, 999, 998, 12345)) == (
        "running 1m1s, 5 objects, 999/1,000 proxies connected, 998 configured, 12,345 pushes"
    )
