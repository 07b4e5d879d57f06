"""The terminal that a panel is on: its modes, its size, its keys, and who else has it.

Keys come one by one and are not shown, which is a mode of the terminal, not of this process; so
it is put back on every way out: at the end, before the process stops (Ctrl-Z), and before a signal
ends it. While another job has the terminal, nothing is written and no key is read.

It is opened again for reading and for writing, as a description that is shared with the shell must
not become non-blocking; and a terminal that takes nothing (Ctrl-S) must not stop the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import termios
import tty
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_HIDE_CURSOR, _SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"
_ESCAPE: Final = b"\x1b"
_SIGNALS: Final = (signal.SIGTSTP, signal.SIGQUIT)
"""Signals that stop or end the process, besides those that end a run."""


class Terminal:
    """One terminal.

    Args:
        output: Number of a file that is the terminal to draw on.
        keyboard: Number of a file that is a terminal to read keys from; None for no keys.

    Attributes:
        on_key: Called with each key.
        before_stop: Called before the process stops or ends; takes the panel away.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, output: int, keyboard: int | None) -> None:
        self.on_key: Callable[[str], object] = lambda _: None
        self.before_stop: Callable[[], object] = lambda: None
        self._output = _opened(output, os.O_WRONLY | os.O_NONBLOCK)
        self._input = None if keyboard is None else _opened(keyboard, os.O_RDONLY | os.O_NONBLOCK)
        self._modes: list[Any] | None = None
        self._is_held = False
        self._pending = b""

    @property
    def has_keys(self) -> bool:
        """Whether it has keys to read."""
        return self._input is not None

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        try:
            size = os.get_terminal_size(self._output)
        except OSError:
            return 80, 24
        return size.columns or 80, size.lines or 24

    @property
    def is_ready(self) -> bool:
        """Whether it takes more, and is not another job's."""
        return self._is_held and self._flush()

    def hold(self) -> bool:
        """Hold the terminal if this job has it; return whether that is so."""
        if self._is_held or not self._is_foreground():
            return self._is_held
        loop = asyncio.get_running_loop()
        if self._input is not None:
            with contextlib.suppress(termios.error):
                self._modes = termios.tcgetattr(self._input)
                tty.setcbreak(self._input, termios.TCSANOW)
            loop.add_reader(self._input, self._read)
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._on_signal, number)
        self._is_held = True
        self.write(_HIDE_CURSOR)
        return True

    def release(self) -> None:
        """Put everything back as it was."""
        if not self._is_held:
            return
        self._is_held = False
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        if self._input is not None:
            loop.remove_reader(self._input)
        # In the background, setting the modes would stop the process; the shell has set them.
        if self._is_foreground():
            if self._modes is not None:
                with contextlib.suppress(termios.error):
                    termios.tcsetattr(self._input, termios.TCSANOW, self._modes)  # type: ignore[arg-type]
            os.set_blocking(self._output, True)
            self.write(_SHOW_CURSOR)
            os.set_blocking(self._output, False)
        self._modes = None

    def close(self) -> None:
        """Release it for good."""
        self.release()
        for number in (self._output, self._input):
            if number is not None:
                os.close(number)

    def write(self, data: bytes) -> None:
        """Write as much as it takes; the rest is written later."""
        self._pending += data
        self._flush()

    def _flush(self) -> bool:
        """Return whether all has been written."""
        try:
            while self._pending:
                self._pending = self._pending[os.write(self._output, self._pending) :]
        except BlockingIOError:
            return False
        except OSError:
            # It was closed; nobody sees it any more.
            self._pending = b""
        return True

    def _is_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._output) == os.getpgrp()
        except OSError:
            # It is no terminal that has jobs, or not that of this session.
            return True

    def _read(self) -> None:
        assert self._input is not None
        try:
            data = os.read(self._input, 100)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            # The terminal is gone.
            asyncio.get_running_loop().remove_reader(self._input)
        if data.startswith(_ESCAPE):
            # An arrow, or another key that is more than a letter.
            return
        for key in data.decode(errors="replace"):
            self.on_key(key)

    def _on_signal(self, number: signal.Signals) -> None:
        self.before_stop()
        self.release()
        # Releasing it has brought the default action back. It comes back here after Ctrl-Z only,
        # and holds the terminal again when it is to draw.
        os.kill(os.getpid(), number)


def _opened(terminal: int, flags: int) -> int:
    """Open a terminal again.

    Raises:
        OSError: It has no name here, as in some containers.
    """
    return os.open(os.ttyname(terminal), flags | os.O_NOCTTY | os.O_CLOEXEC)
