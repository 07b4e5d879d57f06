"""The line of the summary about the control plane."""

from __future__ import annotations

from pyload.report.control_plane import ControlPlane, IstiodTime


def test_a_control_plane_that_was_not_read_has_no_line() -> None:
    """A summary would show zeros where nothing was measured."""
    assert ControlPlane().rows() == []
    assert ControlPlane(gaps=3).rows() == []


def test_what_istiod_has_no_sample_of_is_not_in_the_summary() -> None:
    """A reader would take "0 proxies" for a fact."""
    figures = ControlPlane(source="http://istiod:15014", versions=("1.28",), istiods=1, readings=2)
    assert figures.rows() == [("control plane", "istiod 1.28")]


def test_the_line_of_the_summary_names_all_istiods_and_what_they_did() -> None:
    """Of a canary beside a stable istiod one would not see which was measured."""
    figures = ControlPlane(
        source="pods",
        versions=("1.28", "1.29"),
        istiods=2,
        readings=9,
        proxies=1005,
        pushes={"cds": 1, "eds": 2000},
        convergence=IstiodTime(count=4, mean=0.25),
        heap_bytes_max=50_000_000,
        restarts=1,
        gaps=1,
    )
    text = (
        "2 istiods 1.28 1.29, 1,005 proxies, 2,001 pushes, sent in 250ms, 50.0 MB heap, "
        "1 restarted, 1 reading missing"
    )
    assert figures.rows() == [("control plane", text)]


def test_cores_in_use_stand_beside_those_that_there_are() -> None:
    """1.9 cores mean a limit where there are 2, and nothing where there are 32."""
    figures = ControlPlane(source="pods", istiods=1, readings=1, cpu_cores_max=1.94)
    assert figures.rows() == [("control plane", "istiod, up to 1.9 cores")]
    figures = ControlPlane(source="pods", istiods=1, readings=1, cpu_cores_max=1.94, cores=2)
    assert figures.rows() == [("control plane", "istiod, up to 1.9 of 2 cores")]
    figures = ControlPlane(source="pods", istiods=1, readings=1, cpu_cores_max=0.94, cores=1)
    assert figures.rows() == [("control plane", "istiod, up to 0.94 of 1 core")]


def test_an_embedded_control_plane_is_not_called_istiod() -> None:
    """Its figures say nothing about istiod."""
    figures = ControlPlane(source="embedded", istiods=1, readings=1, proxies=1)
    assert figures.rows() == [("control plane", "embedded, 1 proxy")]
