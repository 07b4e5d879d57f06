"""The panel of the installed program, in a pseudo terminal as a person has it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_program import BIN, ENVIRONMENT, EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

_SEQUENCE = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")


class Session:
    """The program on a terminal of 80 columns and 24 rows."""

    def __init__(self, *arguments: str | Path) -> None:
        self.person, self.tty = pty.openpty()
        fcntl.ioctl(self.tty, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.tty)
        self.text = ""
        environment = {name: value for name, value in ENVIRONMENT.items() if name != "CI"}
        self.process = subprocess.Popen(
            [BIN / "pyload", *map(str, arguments)],
            stdin=self.tty,
            stdout=self.tty,
            stderr=self.tty,
            env=environment | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
            # It becomes the foreground job of this terminal, as a shell would make it.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads
        )

    def read_until(self, *wanted: str) -> None:
        """Read what the program shows, until some texts have been there, in this order."""
        deadline, begin = time.monotonic() + 15, len(self.text)
        for text in wanted:
            while text not in (plain := _SEQUENCE.sub("", self.text[begin:])):
                assert time.monotonic() < deadline, f"no {text!r} in:\n{plain}"
                self._read()

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        deadline = time.monotonic() + 15
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.text
            self._read()
        while self._read():
            pass
        return self.process.returncode

    def press(self, key: str) -> None:
        """Press a key."""
        os.write(self.person, key.encode())

    def close(self) -> None:
        """End the program, whatever it does."""
        self.process.kill()
        self.process.wait()
        os.close(self.person)
        os.close(self.tty)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.person], [], [], 0.1)
        if ready:
            self.text += os.read(self.person, 65536).decode(errors="replace")
        return bool(ready)


@pytest.fixture
def session() -> Iterator[Session]:
    """A small mesh with churn and probes."""
    found = Session(
        *("cluster", "--embedded", "-c", EXAMPLES / "basic.yaml", "--probe", "60s"),
        *("--metrics-addr", "127.0.0.1:0"),
    )
    yield found
    found.close()


def test_a_run_is_a_panel_and_q_ends_it_with_the_summary(session: Session) -> None:
    """It is the first thing that a newcomer sees."""
    session.read_until("pyload cluster, fake-node, run ", "6 of 6 connected", "running")
    session.press("c")
    session.read_until("churn paused")
    session.press("p")
    session.read_until("1 written; number 1 reached 6 of 6")
    session.press("v")
    session.read_until("Got Initial Update", "v only warnings")
    session.press("q")

    assert session.end() == 0
    assert termios.tcgetattr(session.tty) == session.before
    ending = session.text.rpartition("\x1b[?2026l")[2]
    assert ending.startswith("\x1b[?25h")
    assert re.search(r"cluster, fake-node, run \w+: [\d.ms]+, stopped by a signal\r\n", ending)
    assert "proxies        6 wanted" in ending
    # All pilot-load's lines would be a wall of them again.
    assert "pushing config" not in session.text


@pytest.mark.parametrize(
    ("signals", "code"), [([signal.SIGINT], 0), ([signal.SIGINT] * 3, -2), ([signal.SIGQUIT], -3)]
)
def test_ctrl_c_leaves_a_sane_terminal(
    session: Session, signals: list[signal.Signals], code: int
) -> None:
    """The user would not see what is typed any more, and have to know `stty sane`."""
    session.read_until("6 of 6 connected", "running")
    assert termios.tcgetattr(session.tty) != session.before
    for number in signals:
        os.killpg(session.process.pid, number)
        # One after the other, as fast as a person is.
        time.sleep(0.02)

    ended = session.end()
    # A run that is small may be over before the third. Python's own handler is back for a moment at
    # the very end, and the program then ends with 130: what a shell shows for -2 as well.
    expected = {code, 0, 6, 130} if len(signals) > 1 else {code}
    assert ended in expected, session.text[-2000:]
    assert termios.tcgetattr(session.tty) == session.before
    assert session.text.rpartition("\x1b[?25l")[2].count("\x1b[?25h") == 1


def test_a_stop_gives_the_terminal_back_until_the_job_goes_on(session: Session) -> None:
    """After Ctrl-Z the shell would show nothing of what is typed."""
    session.read_until("6 of 6 connected", "running")
    os.killpg(session.process.pid, signal.SIGTSTP)
    session.read_until("")
    deadline = time.monotonic() + 10
    while termios.tcgetattr(session.tty) != session.before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(session.process.pid, signal.SIGCONT)

    session.read_until("6 of 6 connected")
    session.press("q")
    assert session.end() == 0


def test_pilot_loads_lines_stay_where_scripts_read_them(tmp_path: Path) -> None:
    """`pyload ... > run.log` has the lines in the file, and the panel on the terminal."""
    with (tmp_path / "out").open("w") as output:
        done = subprocess.run(
            [BIN / "pyload", "cluster", "--embedded", "--duration", "1s", "--metrics-addr", ""],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            timeout=18,
            env=ENVIRONMENT,
            check=False,
        )

    lines = (tmp_path / "out").read_text()
    assert done.returncode in (0, 4)
    assert 'cluster "primary" synced, starting cluster scaler' in lines
    assert "\x1b" not in lines + done.stderr
