"""One end of a pipe, whatever happens at the other."""

from __future__ import annotations

import asyncio

import pytest

from pyload.errors import RemoteProtocolError
from pyload.proxies.pool.codec import encode
from pyload.proxies.pool.messages import Message, Ready, Refresh, Stop
from pyload.proxies.pool.pipe import FULL, Pipe
from tests.proxies.pool.memory import connect

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def moment() -> None:
    """Let everything happen that happens now."""
    await asyncio.sleep(0.001)


@pytest.mark.parametrize("piece", [1, 3, 1000])
async def test_messages_arrive_in_order_until_the_end(piece: int) -> None:
    """The last figures of a worker, which it sends before it exits, would be lost."""
    messages: list[Message] = []
    ours, theirs = Pipe(messages.append), Pipe(messages.append)
    connect(ours, theirs, piece=piece)
    theirs.send(Ready())
    theirs.send(Stop((1, 2)))
    theirs.close()
    theirs.send(Ready())
    await moment()
    assert messages == [Ready(), Stop((1, 2))]
    assert ours.received == 2
    assert (ours.closed.is_set(), theirs.closed.is_set(), ours.error) == (True, True, None)


async def test_an_exception_closes_the_pipe_and_is_kept() -> None:
    """The event loop would log it, and the run would go on without what was to be done."""

    def broken(_: Message) -> None:
        raise ZeroDivisionError

    ours, theirs = Pipe(broken), Pipe(broken)
    connect(ours, theirs)
    theirs.send(Ready())
    theirs.send(Ready())
    await moment()
    assert isinstance(ours.error, ZeroDivisionError)
    assert (ours.received, theirs.closed.is_set(), theirs.error) == (1, True, None)


async def test_bytes_that_are_no_message_close_the_pipe() -> None:
    """Noise would be collected for ever."""
    ours, theirs = Pipe(print), Pipe(print)
    connect(ours, theirs).write(b"\xff" * 9)
    await moment()
    assert isinstance(ours.error, RemoteProtocolError)


async def test_the_writer_is_asked_to_pause_and_called_when_it_may_go_on() -> None:
    """Memory would fill with what a busy worker does not read, or writing would never go on."""
    calls: list[bool] = []
    messages: list[Message] = []
    ours = Pipe(messages.append, lambda: calls.append(ours.full))
    theirs = Pipe(messages.append)
    end = connect(ours, theirs)
    end.pause_reading()
    count = FULL // len(encode(Refresh(1))) + 1
    for _ in range(count - 1):
        ours.send(Refresh(1))
    full = [ours.full]
    ours.send(Refresh(1))
    full.append(ours.full)
    end.resume_reading()
    await moment()
    full.append(ours.full)
    assert (full, calls, len(messages)) == ([False, True, False], [False], count)

    # An end whose owner only answers needs no call.
    theirs.pause_writing()
    theirs.resume_writing()
    assert not theirs.full


async def test_a_pipe_that_was_never_connected_can_be_used() -> None:
    """A process that could not be started would hide the reason behind another error."""
    pipe = Pipe(print)
    pipe.send(Ready())
    pipe.close()
    pipe.fail(ZeroDivisionError())
    assert isinstance(pipe.error, ZeroDivisionError)
