"""What is read off istiod's metrics page, and that nothing else costs time there."""

from __future__ import annotations

from pyload.report.istiod_metrics import parse_page
from tests.report.istiod_pages import histogram, page


def test_samples_are_added_up_but_for_the_label_that_matters() -> None:
    """Proxies of two versions are proxies all the same; pushes are kept apart by type."""
    text = (
        "# HELP pilot_xds Number of endpoints connected to this pilot using XDS.\n"
        "# TYPE pilot_xds gauge\n"
        'pilot_xds{version="1.27.0"} 3\npilot_xds{version="1.28.0"} 4\n'
        'pilot_xds_pushes{type="cds"} 7\npilot_xds_pushes{type="eds"} 1e+06\n'
        "process_cpu_seconds_total 1.5\n"
    )
    read = parse_page(page(text, version="1.28.1"))
    assert read is not None
    assert (read.version, read.started, read.uptime) == ("1.28.1", 1000.0, 600.0)
    assert read.levels == {"pilot_xds": 7}
    assert read.counts == {
        ("pilot_xds_pushes", "cds"): 7,
        ("pilot_xds_pushes", "eds"): 1_000_000,
        ("process_cpu_seconds", ""): 1.5,
    }


def test_the_histograms_of_all_types_are_one() -> None:
    """Istiod times pushes by type; a run wants to know how long they take."""
    buckets = {"0.1": 1, "+Inf": 2}
    text = "".join(
        histogram("pilot_xds_push_time", buckets, 0.5, f'type="{type_}"')
        for type_ in ("cds", "lds")
    )
    read = parse_page(page(text))
    assert read is not None
    assert read.counts == {
        ("pilot_xds_push_time_bucket", "0.1"): 2,
        ("pilot_xds_push_time_bucket", "+Inf"): 4,
        ("pilot_xds_push_time_sum", ""): 1.0,
        ("pilot_xds_push_time_count", ""): 4,
    }


def test_other_metrics_are_left_out() -> None:
    """A big mesh has thousands of lines, and names that begin like those that are needed."""
    text = (
        'pilot_xds_cds_reject{node="a",err="b"} 1\npilot_xds_recv_max 3\n'
        'pilot_xds_pushes_of_another_kind{type="cds"} 1\ngo_goroutines_by_name 3\n'
        'pilot_k8s_cfg_events{event="add",type="Sidecar"} 3\n'
    )
    read = parse_page(page(text))
    assert read is not None
    assert (read.counts, read.levels) == ({}, {})


def test_counters_may_have_the_suffix_of_openmetrics() -> None:
    """A later istiod that exports `pilot_xds_pushes_total` would otherwise have no pushes."""
    read = parse_page(page('pilot_xds_pushes_total{type="cds"} 7\n'))
    assert read is not None
    assert read.counts == {("pilot_xds_pushes", "cds"): 7}


def test_what_is_not_finite_is_absent() -> None:
    """A sum that is NaN would make every figure NaN, which is no JSON."""
    read = parse_page(page("pilot_xds_send_time_sum NaN\npilot_xds +Inf\n"))
    assert read is not None
    assert (read.counts, read.levels) == ({}, {})


def test_pages_of_something_else_are_none() -> None:
    """Whatever answers at port 15014 is not taken for an istiod without proxies."""
    assert parse_page(b"") is None
    assert parse_page(b"<html>\xff hello</html>") is None
    assert parse_page(b"go_goroutines 3\nprocess_cpu_seconds_total 1\n") is None
    assert parse_page(b'pilot_info{version="1"} one\n') is None
