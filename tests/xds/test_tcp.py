"""What the connections of a loop share, and names that are looked up."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pyload.xds import tcp
from pyload.xds.tcp import LoopResources, loop_resources, why_lost

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


async def test_a_loop_has_one() -> None:
    """Each certificate has its transport, and a buffer for each would be a megabyte for four."""
    assert loop_resources() is loop_resources()


def _counted(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[], list[str]]
) -> tuple[list[str], Any]:
    asked: list[str] = []

    async def ask(address: tuple[str, int]) -> list[str]:
        asked.append(address[0])
        await asyncio.sleep(0)
        return answer()

    monkeypatch.setattr(tcp, "_ask", ask)
    return asked, LoopResources()


async def test_a_name_is_looked_up_once_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name server would be load-tested too."""
    asked, shared = _counted(monkeypatch, lambda: ["10.0.0.1", "::1"])
    many = await asyncio.gather(*(shared.resolve(("istiod", 15010)) for _ in range(9)))
    assert many == [["10.0.0.1", "::1"]] * 9
    assert asked == ["istiod"]
    assert await shared.resolve(("10.1.1.1", 1)) == ["10.1.1.1"]
    assert await shared.resolve(("::1", 1)) == ["::1"]
    assert asked == ["istiod"]
    monkeypatch.setattr(tcp, "RESOLVE_SECONDS", -1.0)
    await shared.resolve(("other", 1))
    await shared.resolve(("other", 1))
    assert asked == ["istiod", "other", "other"]


async def test_a_name_that_is_not_found_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is created after the start would never be found."""

    def fail() -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    asked, shared = _counted(monkeypatch, fail)
    for _ in range(2):
        with pytest.raises(OSError, match="unknown"):
            await shared.resolve(("istiod", 15010))
    assert asked == ["istiod"] * 2


async def test_one_who_gives_up_does_not_take_the_others_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy that is stopped would fail the dials of all that wait for the same name."""
    asked, shared = _counted(monkeypatch, lambda: ["10.0.0.1"])
    tasks = [asyncio.create_task(shared.resolve(("istiod", 1)), name="resolve") for _ in range(2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    assert await tasks[1] == ["10.0.0.1"]
    assert asked == ["istiod"]


async def test_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of days over many names would fill the memory."""
    _, shared = _counted(monkeypatch, lambda: ["10.0.0.1"])
    for number in range(200):
        await shared.resolve((f"host{number}", 1))
    assert len(shared._names) <= tcp.MAX_NAMES


async def test_a_real_name_is_found() -> None:
    """``localhost`` is the address of every port-forward."""
    assert set(await LoopResources().resolve(("localhost", 80))) & {"127.0.0.1", "::1"}


@pytest.mark.virtual
async def test_an_address_that_was_silent_gets_its_turn_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An istiod that was slow for a moment would get no proxy for the rest of the run."""
    _, names = _counted(monkeypatch, lambda: ["10.0.0.1", "10.0.0.2"])
    names.note_silent("10.0.0.1")
    assert await names.resolve(("istiod", 1)) == ["10.0.0.2", "10.0.0.1"]
    await asyncio.sleep(tcp.SILENT_SECONDS - 1)
    assert await names.resolve(("istiod", 1)) == ["10.0.0.2", "10.0.0.1"]
    await asyncio.sleep(1)
    assert await names.resolve(("istiod", 1)) == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize("host", ["a..b", "x" * 80])
async def test_a_name_that_is_none_is_an_os_error(host: str) -> None:
    """The encoding of names raises errors of its own, which would end the proxy."""
    with pytest.raises(OSError, match="host"):
        await LoopResources().resolve((host, 80))


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (None, "the server closed the connection"),
        (
            ConnectionResetError(errno.ECONNRESET, "x"),
            "the connection broke: Connection reset by peer",
        ),
        (OSError("odd"), "the connection broke: odd"),
        # As the kernel has it when nothing that was sent, such as a PING, is acknowledged.
        (
            TimeoutError(errno.ETIMEDOUT, "x"),
            "keepalive: the server's machine acknowledges nothing",
        ),
    ],
)
def test_why_a_connection_is_gone(error: Exception | None, why: str) -> None:
    """Whether the kernel or the PING notices a dead machine first is chance; the reason is one."""
    assert why_lost(error) == why


@pytest.mark.socket
@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.0/8 is local on Linux only")
async def test_an_address_that_drops_packets_does_not_hold_up_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name whose first address is broken, as IPv6 often is, would use up the time of all."""
    monkeypatch.setattr(tcp, "NEXT_SECONDS", 0.02)

    async def ask(_: object) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    monkeypatch.setattr(tcp, "_ask", ask)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = server.getsockname()[1]
        stack.enter_context(socket.create_server(("127.0.0.2", port), backlog=0))
        for _ in range(4):
            # Once its backlog is full, the kernel drops what comes.
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(("127.0.0.2", port))
        async with asyncio.timeout(2):
            sock = await tcp.dial(("istiod.example", port))
        stack.enter_context(sock)
        assert sock.getpeername()[0] == "127.0.0.1"
