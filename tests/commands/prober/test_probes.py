"""The objects of a route, and the line that is written about it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.commands.prober.probes import HEADER, Probe, ProbeObjects

SECONDS = st.floats(0, 1e4)


@given(st.integers(0, 10_000), SECONDS, st.none() | SECONDS, st.integers(0, 10_000))
def test_a_line_can_be_read_as_csv(
    index: int, written: float, ready: float | None, attempts: int
) -> None:
    """Spreadsheets read these files: a time in another unit or column would plot as nonsense."""
    line = Probe(index, written, ready, attempts).to_csv()
    [row] = csv.DictReader(io.StringIO(f"{HEADER}\n{line}\n"))

    assert (int(row["replica"]), int(row["attempts"])) == (index, attempts)
    assert float(row["written_ms"]) == pytest.approx(written * 1e3, abs=1e-3)
    if ready is None:
        assert row["ready_ms"] == ""
    else:
        assert float(row["ready_ms"]) == pytest.approx(ready * 1e3, abs=1e-3)


def test_the_three_objects_of_a_route_refer_to_each_other() -> None:
    """A route for another host, port or gateway is never served, and would be timed for ever."""
    objects = ProbeObjects("probes", "r")
    listener = objects.gateway(api_version="networking.istio.io/v1")
    service = objects.service_entry("probe-1", api_version="networking.istio.io/v1")
    route = objects.virtual_service("probe-1", api_version="networking.istio.io/v1beta1")
    [server] = listener["spec"]["servers"]
    [http] = route["spec"]["http"]
    [destination] = (one["destination"] for one in http["route"])

    assert route["spec"]["gateways"] == [listener["metadata"]["name"]]
    assert route["spec"]["hosts"] == service["spec"]["hosts"] == [objects.host("probe-1")]
    assert [objects.host("*")] == server["hosts"]
    assert destination["host"] == objects.host("probe-1")
    assert destination["port"]["number"] == service["spec"]["ports"][0]["number"]
    assert route["apiVersion"] == "networking.istio.io/v1beta1"
    metadata = [one["metadata"] for one in (listener, service, route)]
    assert {one["namespace"] for one in metadata} == {"probes"}
    assert {one["labels"]["pyload.dev/run"] for one in metadata} == {"r"}
