"""A terminal's modes, keys and signals, on a pair of pseudo terminals."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import termios
from typing import TYPE_CHECKING, Any

import pytest

from pyload.cli.panel.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


class Pair:
    """Both ends of a pseudo terminal of 100 columns and 30 rows."""

    def __init__(self) -> None:
        self.person, self.program = pty.openpty()
        fcntl.ioctl(self.program, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))

    def modes(self) -> list[Any]:
        """Return the modes of the terminal."""
        return termios.tcgetattr(self.program)

    def read(self) -> bytes:
        """Return what was written."""
        return os.read(self.person, 65536)

    def close(self) -> None:
        """Close both ends."""
        os.close(self.person)
        os.close(self.program)


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A pseudo terminal."""
    found = Pair()
    yield found
    found.close()


async def test_modes_are_put_back(pair: Pair) -> None:
    """A shell that shows nothing of what is typed is how users remember a program."""
    before = pair.modes()
    terminal = Terminal(pair.program, pair.program)

    assert terminal.hold()
    during = pair.modes()
    assert not during[3] & (termios.ICANON | termios.ECHO)
    assert during[3] & termios.ISIG  # Ctrl-C stays a signal.
    terminal.release()
    assert pair.modes() == before
    assert terminal.hold()
    terminal.close()
    assert pair.modes() == before
    assert pair.read() == b"\x1b[?25l\x1b[?25h" * 2


async def test_keys_come_one_by_one_without_a_new_line(pair: Pair) -> None:
    """A user would have to press Enter after each of them."""
    keys: list[str] = []
    terminal = Terminal(pair.program, pair.program)
    terminal.on_key = keys.append
    terminal.hold()

    os.write(pair.person, b"pq")
    await asyncio.sleep(0.05)
    os.write(pair.person, b"\x1b[A")  # An arrow is not the key A.
    await asyncio.sleep(0.05)
    terminal.close()
    assert keys == ["p", "q"]


async def test_the_shared_description_stays_blocking(pair: Pair) -> None:
    """The shell's own terminal would fail with EAGAIN after the run, and so would the summary."""
    terminal = Terminal(pair.program, pair.program)
    terminal.hold()

    assert os.get_blocking(pair.program)
    terminal.close()


async def test_a_terminal_that_takes_nothing_does_not_stop_the_run(pair: Pair) -> None:
    """After Ctrl-S, or with a slow connection, all proxies would be lost."""
    terminal = Terminal(pair.program, None)
    terminal.hold()
    assert not terminal.has_keys

    for _ in range(100):
        terminal.write(b"x" * 10_000)
    readings = 0
    while not terminal.is_ready:
        pair.read()
        readings += 1
    assert readings
    terminal.close()


async def test_the_size_is_that_of_the_window(pair: Pair) -> None:
    """A panel would be drawn for another terminal."""
    terminal = Terminal(pair.program, None)

    assert terminal.size == (100, 30)
    fcntl.ioctl(pair.program, termios.TIOCSWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
    assert terminal.size == (80, 24)
    terminal.close()


def test_what_is_no_terminal_cannot_be_one() -> None:
    """In some containers a terminal has no name; there are lines then."""
    read, write = os.pipe()
    with pytest.raises(OSError, match="ioctl"):
        Terminal(write, None)
    os.close(read)
    os.close(write)
