"""A panel on a terminal: always whole, at the bottom, and with nothing lost above it."""

from __future__ import annotations

from pyload.cli.panel.screen import Screen
from tests.cli.panel.emulator import Emulator


def show(
    emulator: Emulator, screen: Screen, panel: list[str], *above: str, width: int | None = None
) -> str:
    """Show a panel, and return what was written."""
    written = screen.update(
        panel, [len(line) for line in panel], width=width or emulator.width, above=above
    )
    emulator.feed(written)
    return written


def test_a_panel_takes_the_place_of_the_one_before() -> None:
    """Panels would pile up, or leave the ends of longer lines."""
    emulator, screen = Emulator(), Screen()
    emulator.feed("$ pyload\r\n")

    show(emulator, screen, ["title", "a long line", "keys"])
    assert emulator.screen == ["$ pyload", "title", "a long line", "keys"]
    show(emulator, screen, ["title", "short", "more", "keys"])
    assert emulator.screen == ["$ pyload", "title", "short", "more", "keys"]
    show(emulator, screen, ["title", "keys"])
    assert emulator.screen == ["$ pyload", "title", "keys"]


def test_lines_go_above_it_and_stay() -> None:
    """A warning would be overwritten a quarter of a second later."""
    emulator, screen = Emulator(width=20), Screen()

    show(emulator, screen, ["title", "keys"])
    show(emulator, screen, ["title", "keys"], "one", "a line that is too long for it")
    show(emulator, screen, ["title", "new"], "two")
    assert emulator.screen == ["one", "a line that is too l", "ong for it", "two", "title", "new"]


def test_a_panel_at_the_bottom_scrolls_what_is_above() -> None:
    """Cursors cannot go up beyond the top of the screen."""
    emulator, screen = Emulator(height=5), Screen()
    emulator.feed("a\r\nb\r\nc\r\nd\r\n")

    for index in range(3):
        show(emulator, screen, ["title", str(index), "keys"])
    assert emulator.lines == ["a", "b", "c", "d", "title", "2", "keys"]
    assert emulator.screen == ["c", "d", "title", "2", "keys"]


def test_nothing_is_written_while_nothing_changes() -> None:
    """An idle run would redraw itself for ever, and a slow connection never be idle."""
    emulator, screen = Emulator(), Screen()

    assert show(emulator, screen, ["title", "keys"])
    assert not show(emulator, screen, ["title", "keys"])


def test_a_redraw_clears_nothing_before_it_writes() -> None:
    """It would flicker on terminals without synchronized output."""
    emulator, screen = Emulator(), Screen()
    show(emulator, screen, ["title", "keys"])

    written = show(emulator, screen, ["title", "other"])
    assert written.startswith("\x1b[?2026h\r\x1b[1Atitle\x1b[K\r\nother\x1b[K")


def test_a_terminal_that_becomes_narrower_has_no_remains() -> None:
    """The terminal has wrapped the lines, so the panel began further up."""
    emulator, screen = Emulator(width=10), Screen()
    show(emulator, screen, ["0123456789", "ab"], width=10)
    emulator.width = 5
    emulator.lines[:] = ["01234", "56789", "ab"]
    emulator.row = 2

    show(emulator, screen, ["0123", "ab"], width=5)
    assert emulator.screen == ["0123", "ab"]


def test_a_panel_that_is_taken_away_leaves_its_place() -> None:
    """The summary would stand below the remains of a panel."""
    emulator, screen = Emulator(), Screen()
    emulator.feed("$ pyload\r\n")
    show(emulator, screen, ["title", "keys"])

    show(emulator, screen, [], "last words")
    emulator.feed("summary")
    assert emulator.screen == ["$ pyload", "last words", "summary"]
