"""The control plane's metrics are read beside a run, which no trouble with them disturbs."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pyload.harness.istiod_reader import READ_EVERY, IstiodReader
from pyload.harness.istiod_sources import Auto, Reading
from pyload.harness.observers import FIRST_SECONDS, Observer, observed_by
from pyload.report.istiod_metrics import parse_page
from pyload.report.istiods import Istiods
from tests.report.istiod_pages import page

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

DOWN = "http://istiod/metrics: connection refused"


class Istiod:
    """An istiod that has sent a response more at each reading, unless it is down."""

    name = "http://istiod/metrics"

    def __init__(self) -> None:
        self.down = False
        self.seconds = 0.0
        self.reads: list[float] = []
        self._pushes = 100

    async def read(self) -> Reading:
        """Read its page."""
        await asyncio.sleep(self.seconds)
        self.reads.append(asyncio.get_running_loop().time())
        if self.down:
            return Reading(problems=(DOWN,))
        self._pushes += 1
        one = parse_page(page(f'pilot_xds_pushes{{type="cds"}} {self._pushes}\n'))
        assert one is not None
        return Reading({self.name: one})


def observer(reader: IstiodReader) -> Observer:
    """Return the reader as an observer of a run."""
    return Observer("istiod's metrics", reader.run, reader.last, reader.first)


async def test_istiod_is_read_before_in_and_after_a_run() -> None:
    """What it did in the run is the difference of the last and the first."""
    istiod, istiods = Istiod(), Istiods()
    async with observed_by([observer(IstiodReader(istiod, istiods))], unless=asyncio.Event()):
        assert istiod.reads == [0.0]
        await asyncio.sleep(2 * READ_EVERY + 1)
    assert istiod.reads == [0.0, 5.0, 10.0, 11.0]
    assert istiods.figures.pushes == {"cds": 3}
    assert (istiods.figures.source, istiods.figures.readings) == (istiod.name, 4)


@pytest.mark.parametrize("failing", [True, False])
async def test_proxies_hear_of_istiods_version_before_the_run(failing: bool) -> None:  # noqa: FBT001
    """Proxies that claim an older one are written other filters than those of a mesh."""
    istiod, learnt = Istiod(), list[str]()
    istiod.down = failing
    reader = IstiodReader(istiod, Istiods(), learn_version=learnt.append)
    async with observed_by([observer(reader)], unless=asyncio.Event()):
        assert learnt == ([] if failing else ["1.28"])
        istiod.down = False
        await asyncio.sleep(2 * READ_EVERY + 1)
    assert learnt == ([] if failing else ["1.28"])


async def test_a_slow_istiod_delays_a_run_by_a_second_at_most() -> None:
    """The run is what the user waits for; its first seconds are missing in the picture instead."""
    istiod, istiods = Istiod(), Istiods()
    istiod.seconds = 2.5
    now = asyncio.get_running_loop().time
    async with observed_by([observer(IstiodReader(istiod, istiods))], unless=asyncio.Event()):
        assert now() == FIRST_SECONDS
        await asyncio.sleep(9)
    assert istiods.figures.readings == 3


async def test_an_outage_of_istiod_is_a_gap_and_two_lines_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An outage is what some runs are about; a line every five seconds would hide all others."""
    caplog.set_level(logging.INFO)
    istiod, istiods = Istiod(), Istiods()
    async with observed_by([observer(IstiodReader(istiod, istiods))], unless=asyncio.Event()):
        await asyncio.sleep(1)
        istiod.down = True
        await asyncio.sleep(3 * READ_EVERY)
        istiod.down = False
        await asyncio.sleep(READ_EVERY)
    figures = istiods.figures
    assert (figures.readings, figures.gaps, figures.pushes) == (3, 3, {"cds": 2})
    texts = [record.getMessage() for record in caplog.records]
    assert texts[0] == "reading the control plane's metrics: http://istiod/metrics"
    assert texts[1] == f"istiod's metrics cannot be read ({DOWN}); the run goes on without them"
    assert texts[2:] == ["istiod's metrics can be read again after 3 gaps"]


async def test_a_url_that_answers_later_is_read_from_then_on() -> None:
    """Who names a URL wants it, even if istiod is only installed in the run."""
    istiod, istiods = Istiod(), Istiods()
    istiod.down = True
    async with observed_by([observer(IstiodReader(istiod, istiods))], unless=asyncio.Event()):
        await asyncio.sleep(1)
        istiod.down = False
        await asyncio.sleep(READ_EVERY)
    assert (istiods.figures.gaps, istiods.figures.readings) == (1, 2)


async def test_where_there_is_no_istiod_one_line_says_how_to_have_its_metrics(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The user has not asked for them: it is no warning, no gap, and not tried again."""
    caplog.set_level(logging.INFO)
    tried = []

    async def refuse(url: str) -> bytes:
        tried.append(url)
        raise ConnectionRefusedError

    istiods = Istiods()
    reader = IstiodReader(Auto("localhost:15010", None, refuse), istiods)
    async with observed_by([observer(reader)], unless=asyncio.Event()):
        await asyncio.sleep(60)
    assert tried == ["http://localhost:15014/metrics"]
    assert (istiods.figures.gaps, istiods.figures.readings) == (0, 0)
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert record.getMessage() == (
        "the result is without istiod's own metrics (http://localhost:15014/metrics: connection "
        "refused): try `kubectl -n istio-system port-forward deploy/istiod 15014`, or "
        "--istiod-metrics URL"
    )
