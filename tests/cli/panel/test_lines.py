"""Which log lines go above a panel."""

from __future__ import annotations

import logging
import re

from pyload.cli.panel.lines import KEPT, Lines


def lines(*, shows_all: bool = False, has_panel: bool = True) -> tuple[Lines, list[str]]:
    """Return the handler of a logger, and what it has written by itself."""
    written: list[str] = []
    handler = Lines(written.append, shows_all=shows_all)
    handler.has_panel = has_panel
    logger = logging.getLogger("pyload")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    return handler, written


def texts(handler: Lines) -> list[str]:
    """Return the lines that go above the panel, without their times."""
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line.text) for line in handler.taken()]


def test_warnings_and_errors_go_above_the_panel_and_others_are_kept() -> None:
    """What goes wrong would be noticed at the end, or be lost in a wall of lines."""
    handler, written = lines()
    log = logging.getLogger("pyload.adsc")
    log.info("connected", extra={"labels": {"workload": "a"}})
    log.warning("slow")
    logging.getLogger("pyload").error("broken")

    assert texts(handler) == ["warning adsc: slow", "error broken"]
    assert texts(handler) == []
    assert handler.counts == {"warn": 1, "error": 1}
    handler.toggle()
    assert texts(handler) == ["adsc: connected workload=a"]
    log.info("more")
    assert texts(handler) == ["adsc: more"]
    handler.toggle()
    log.info("less")
    assert texts(handler) == written == []


def test_a_flood_is_cut() -> None:
    """A thousand proxies that lose their stream would scroll everything away, and take seconds."""
    handler, _ = lines(shows_all=True)
    for index in range(1000):
        logging.getLogger("pyload").info("line %d", index)

    found = texts(handler)
    assert found[0] == "... 975 lines are left out here; --log-file keeps them all"
    assert found[1:] == [f"line {index}" for index in range(975, 1000)]


def test_only_the_last_lines_are_kept() -> None:
    """A day's run would keep them all in memory."""
    handler, _ = lines()
    for index in range(1000):
        logging.getLogger("pyload").info("line %d", index)
    handler.toggle()

    assert len(texts(handler)) == KEPT


def test_a_traceback_is_shown_line_by_line() -> None:
    """A line break in a line would tear the panel."""
    handler, _ = lines()
    try:
        raise ValueError("a bug")
    except ValueError:
        logging.getLogger("pyload").exception("failed")

    found = texts(handler)
    assert found[0] == "error failed"
    assert found[-1] == "ValueError: a bug"
    assert not any("\n" in line for line in found)


def test_without_a_panel_they_are_written_at_once() -> None:
    """Errors before it, and after the second Ctrl-C, would be swallowed."""
    handler, written = lines(has_panel=False)
    logging.getLogger("pyload").info("quiet")
    logging.getLogger("pyload").error("loud")

    assert [line[9:] for line in written] == ["error loud"]
    assert texts(handler) == []
