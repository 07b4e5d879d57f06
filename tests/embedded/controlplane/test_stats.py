"""The embedded control plane's own account of its pushes, under istiod's names."""

from __future__ import annotations

import asyncio

import pytest

from pyload.embedded.controlplane.stats import Stats, Times
from pyload.report.istiod_metrics import parse_page
from pyload.report.istiods import Istiods
from pyload.version import __version__
from tests.embedded.controlplane.mesh import running_mesh
from tests.embedded.controlplane.support import HTTP, service
from tests.xds.dialogue import UNREAD_LIMIT


def test_times_are_cumulative_buckets_as_prometheus_wants_them() -> None:
    """A bucket that did not hold those below it would put every percentile too low."""
    times = Times()
    for seconds in (0.0005, 0.1, 0.2, 60.0):
        times.record(seconds)
    lines = list(times.lines("pilot_debounce_time"))
    assert lines[0] == 'pilot_debounce_time_bucket{le="0.001"} 1'
    assert lines[4:6] == [
        'pilot_debounce_time_bucket{le="0.1"} 2',
        'pilot_debounce_time_bucket{le="0.5"} 3',
    ]
    assert lines[-3:] == [
        'pilot_debounce_time_bucket{le="+Inf"} 4',
        "pilot_debounce_time_sum 60.3005",
        "pilot_debounce_time_count 4",
    ]


def test_there_are_no_samples_of_what_has_never_happened() -> None:
    """Istiod has none either; and none of CPU, which is that of the proxies too."""
    page = Stats().metrics_page(version="1.2", uptime=3.5).decode()
    assert page.splitlines() == [
        'pilot_info{version="1.2"} 1',
        "istiod_uptime_seconds 3.5",
        'pilot_xds{version="1.2"} 0',
        "pilot_services 0",
    ]


@pytest.mark.anyio
@pytest.mark.virtual
async def test_a_push_shows_in_the_metrics() -> None:
    """An embedded run has the same picture of its control plane as one against istiod."""
    async with running_mesh() as mesh:
        await asyncio.sleep(1)
        quick = await mesh.sidecar(delta=False, name="other-1")
        page = parse_page(mesh.plane.metrics_page())
        assert page is not None
        istiods = Istiods(began=mesh.plane.clock())
        istiods.read({"": page}, at=mesh.plane.clock(), source="embedded")

        await mesh.add(service("app", ports=[HTTP]))
        for _ in range(4):
            await quick.get()
        page = parse_page(mesh.plane.metrics_page())
        assert page is not None
        istiods.read({"": page}, at=mesh.plane.clock(), source="embedded")

        figures = istiods.figures
        assert figures.versions == (__version__,)
        assert (figures.proxies, figures.services, figures.restarts) == (1, 2, 0)
        assert figures.pushes == {"cds": 1, "eds": 1, "lds": 1, "rds": 1}
        assert figures.triggers == {"service": 1}
        assert figures.debounce.mean == pytest.approx(0.1)
        assert (figures.push_context.count, figures.queue.count) == (1, 1)
        assert figures.convergence.count == 1
        assert figures.cpu_seconds is None


@pytest.mark.anyio
@pytest.mark.virtual
async def test_the_convergence_of_a_slow_proxy_counts_from_its_first_pending_push() -> None:
    """Merged pushes are as late as the oldest of them; the newest would hide a slow proxy."""
    async with running_mesh() as mesh:
        await asyncio.sleep(1)
        slow = await mesh.sidecar(delta=False, name="other-1")
        await mesh.add(service("app", ports=[HTTP]))
        for number in range(UNREAD_LIMIT + 3):
            changing = {"name": "tcp", "port": 1000 + number}
            await mesh.replace(service("app", ports=[HTTP, changing]))
            await asyncio.sleep(10)
        before = mesh.plane.stats.convergence.total
        for _ in range(4 * 3 + UNREAD_LIMIT):
            try:
                async with asyncio.timeout(1):
                    await slow.get()
            except TimeoutError:
                break
        assert mesh.plane.stats.convergence.total - before > 10
