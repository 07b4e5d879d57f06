"""Make the pictures of the README: `python docs/pictures.py`, with tmux and Chromium on the path.

The README's first command runs in a terminal of tmux, whose screen is the picture of the panel, and
writes the report that Chromium then shows. So both are of one run, and of what a reader will see.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).resolve().parent.parent
PICTURES: Final = ROOT / "docs" / "pictures"

COLUMNS: Final = 100
ROWS: Final = 26
SHOWN_AFTER: Final = 11.0
"""Seconds after the first frame of the panel, for a picture of some pushes and probes."""

_SESSION: Final = "pyload-pictures"
_COMMAND: Final = (
    "pyload cluster --embedded -c docs/examples/basic.yaml --duration 15s --html report.html"
)
_FONTS: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Rules of rich's SVG that fetch fonts from another host."""


def main() -> None:
    """Run the command, and write both pictures."""
    for program in ("tmux", "chromium"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not on the path")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "docs").symlink_to(ROOT / "docs")
        (PICTURES / "panel.svg").write_text(drawn(screen_of(Path(folder))), encoding="utf-8")
        photograph(Path(folder) / "report.html", PICTURES / "report.png")


def screen_of(folder: Path) -> str:
    """Run the command in a terminal to its end; return what the panel was, with its colours."""
    report = folder / "report.html"
    command = f"{Path(sys.executable).parent}/{_COMMAND}"
    size = ("-x", str(COLUMNS), "-y", str(ROWS))
    tmux("new-session", "-d", "-s", _SESSION, *size, "-c", str(folder), command)
    try:
        wait(lambda: "configured" in screen())
        time.sleep(SHOWN_AFTER)
        shown = tmux("capture-pane", "-p", "-e", "-t", _SESSION)
        wait(report.exists)
    finally:
        subprocess.run(["tmux", "kill-session", "-t", _SESSION], check=False, capture_output=True)
    return shown


def screen() -> str:
    """Return the text on the terminal."""
    return tmux("capture-pane", "-p", "-t", _SESSION)


def tmux(*arguments: str) -> str:
    """Run a command of tmux, and return what it prints."""
    done = subprocess.run(["tmux", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def wait(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"nothing to show after {seconds:g} s:\n{screen()}")
        time.sleep(0.1)


def drawn(text: str) -> str:
    """Draw a terminal's text as SVG."""
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(text.rstrip("\n")))
    return _FONTS.sub("", console.export_svg(title="pyload cluster --embedded"))


def photograph(page: Path, picture: Path) -> None:
    """Draw the top of a page as Chromium shows it."""
    subprocess.run(
        [
            "chromium",
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1280,1000",
            "--virtual-time-budget=4000",
            f"--screenshot={picture}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
    )


if __name__ == "__main__":
    main()
