"""What goes on beside the work of a run: while it lasts, and when it has ended."""

from __future__ import annotations

import asyncio

import pytest

from pyload.harness.observers import LAST_SECONDS, Observer, observed_by

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


class Diary:
    """An observer that notes what becomes of it."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self.notes = notes

    def observer(self) -> Observer:
        """Return it as one of a run's."""
        return Observer(self.name, self.run, self.last)

    async def run(self) -> None:
        """Wait for the end."""
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            self.notes.append(f"{self.name} ends")
            raise

    async def last(self) -> None:
        """Wait a second for the last reading."""
        await asyncio.sleep(1)
        self.notes.append(f"{self.name} reads")


async def test_last_acts_come_in_order_while_all_observers_go_on() -> None:
    """A last sample has to come after the last probe, and both be in the history."""
    notes: list[str] = []
    both = [Diary(name, notes).observer() for name in ("probes", "history")]

    async with observed_by(both, unless=asyncio.Event()):
        await asyncio.sleep(5)
        assert not notes

    assert notes[:2] == ["probes reads", "history reads"]
    assert set(notes[2:]) == {"probes ends", "history ends"}


async def test_an_observer_that_fails_neither_ends_the_run_nor_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An hour's run must not be lost to a figure that is not even its own."""
    notes: list[str] = []

    async def fail() -> None:
        raise ZeroDivisionError("a bug")

    some = [Observer("broken", fail, fail), Diary("whole", notes).observer()]
    async with observed_by(some, unless=asyncio.Event()):
        await asyncio.sleep(5)

    assert notes == ["whole reads", "whole ends"]
    texts = [record.getMessage() for record in caplog.records]
    assert texts == ["broken: failed, and the run goes on without it"] * 2


async def test_a_last_act_that_hangs_keeps_nobody_waiting() -> None:
    """The objects of a run have to be removed, whatever its observers do."""
    notes: list[str] = []

    async def hang() -> None:
        await asyncio.Event().wait()

    some = [Observer("hung", hang, hang), Diary("whole", notes).observer()]
    began = asyncio.get_running_loop().time()
    async with observed_by(some, unless=asyncio.Event()):
        pass
    assert asyncio.get_running_loop().time() - began == pytest.approx(LAST_SECONDS + 1)
    assert "whole reads" in notes


async def test_a_second_signal_ends_last_acts() -> None:
    """Whoever presses ^C twice does not want to wait for figures."""
    notes: list[str] = []
    forced = asyncio.Event()
    forced.set()

    async with observed_by([Diary("probes", notes).observer()], unless=forced):
        pass

    assert "probes reads" not in notes
