"""Turns to connect, and names that are looked up."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from pyload.xds import tcp
from pyload.xds.tcp import Dialler, dialler

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


class Caller:
    """Notes when it is its turn."""

    def __init__(self, name: str, log: list[str]) -> None:
        self._name = name
        self._log = log

    def dial(self) -> None:
        """See `pyload.xds.tcp.Caller`."""
        self._log.append(self._name)


async def test_so_many_connect_at_a_time_in_order() -> None:
    """Ten thousand handshakes at once would time out, each for the others."""
    log: list[str] = []
    turns = Dialler(limit=2)
    callers = {name: Caller(name, log) for name in "abcde"}
    for caller in callers.values():
        turns.enter(caller)
    assert log == ["a", "b"]
    turns.leave(callers["d"])
    assert log == ["a", "b"]
    turns.leave(callers["b"])
    turns.leave(callers["b"])
    assert log == ["a", "b", "c"]
    turns.leave(callers["a"])
    turns.leave(callers["c"])
    assert log == ["a", "b", "c", "e"]


async def test_a_loop_has_one() -> None:
    """Each certificate has its transport, and a buffer for each would be a megabyte for four."""
    assert dialler() is dialler()


def _counted(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[], list[str]]
) -> tuple[list[str], Any]:
    asked: list[str] = []

    async def ask(address: tuple[str, int]) -> list[str]:
        asked.append(address[0])
        await asyncio.sleep(0)
        return answer()

    monkeypatch.setattr(tcp, "_ask", ask)
    return asked, Dialler()


async def test_a_name_is_looked_up_once_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name server would be load-tested too."""
    asked, turns = _counted(monkeypatch, lambda: ["10.0.0.1", "::1"])
    many = await asyncio.gather(*(turns.resolve(("istiod", 15010)) for _ in range(9)))
    assert many == [["10.0.0.1", "::1"]] * 9
    assert asked == ["istiod"]
    assert await turns.resolve(("10.1.1.1", 1)) == ["10.1.1.1"]
    assert await turns.resolve(("::1", 1)) == ["::1"]
    assert asked == ["istiod"]
    monkeypatch.setattr(tcp, "RESOLVE_SECONDS", -1.0)
    await turns.resolve(("other", 1))
    await turns.resolve(("other", 1))
    assert asked == ["istiod", "other", "other"]


async def test_a_name_that_is_not_found_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is created after the start would never be found."""

    def fail() -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    asked, turns = _counted(monkeypatch, fail)
    for _ in range(2):
        with pytest.raises(OSError, match="unknown"):
            await turns.resolve(("istiod", 15010))
    assert asked == ["istiod"] * 2


async def test_one_who_gives_up_does_not_take_the_others_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy that is stopped would fail the dials of all that wait for the same name."""
    asked, turns = _counted(monkeypatch, lambda: ["10.0.0.1"])
    tasks = [asyncio.create_task(turns.resolve(("istiod", 1)), name="resolve") for _ in range(2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    assert await tasks[1] == ["10.0.0.1"]
    assert asked == ["istiod"]


async def test_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept for ever."""
    _, turns = _counted(monkeypatch, lambda: ["10.0.0.1"])
    for number in range(200):
        await turns.resolve((f"host{number}", 1))
    assert len(turns._names) <= tcp.MAX_NAMES


async def test_a_real_name_is_found() -> None:
    """``localhost`` is the address of every port-forward."""
    assert set(await Dialler().resolve(("localhost", 80))) & {"127.0.0.1", "::1"}


@pytest.mark.parametrize("host", ["a..b", "x" * 80])
async def test_a_name_that_is_none_is_an_os_error(host: str) -> None:
    """The encoding of names raises errors of its own."""
    with pytest.raises(OSError, match="host"):
        await Dialler().resolve((host, 80))
