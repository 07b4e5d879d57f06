"""Fixtures for every test."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.one_loop import OneLoop
from tests.virtual import VIRTUAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ONE_LOOP = pytest.StashKey[OneLoop]()
_USED: set[str] = set()
_USES = {"socket.bind": "socket", "socket.connect": "socket", "subprocess.Popen": "process"}
_ALLOWING = {
    "socket": {"socket", "process", "grpc", "e2e"},
    "process": {"process", "e2e"},
}
ROOT = Path(__file__).parent.parent

hypothesis.settings.register_profile(
    "pyload",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("pyload")


def _note_use(event: str, arguments: tuple[Any, ...]) -> None:
    # urllib3 binds a socket when it is imported, to learn whether there is IPv6.
    if event in _USES and arguments[1:] != (("::1", 0),):
        _USED.add(_USES[event])


sys.addaudithook(_note_use)


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, Mapping[str, Any]]:
    """Async tests run on uvloop, as the program does; those marked ``virtual`` in virtual time."""
    if request.node.get_closest_marker("virtual") is not None:
        return VIRTUAL
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(autouse=True)
def real_world(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that starts a process or opens a socket says so by a mark.

    The marks are how the quick run leaves such tests out: they take longest, and fail first on a
    machine that is busy.
    """
    marks = {mark.name for mark in request.node.iter_markers()}
    _USED.clear()
    yield
    unmarked = {use for use in _USED if not marks & _ALLOWING[use]}
    assert not unmarked, f"mark this test with {' and '.join(sorted(unmarked))}"


@pytest.fixture(autouse=True)
def restored_loggers() -> Iterator[None]:
    """Logging that a test sets up, as every command does, is gone for the next test."""
    before = {name: _logging(logger) for name, logger in _loggers().items()}
    yield
    for name, logger in _loggers().items():
        level, propagate, handlers = before.get(name, (logging.NOTSET, True, []))
        for handler in logger.handlers:
            if handler not in handlers:
                handler.close()
        logger.setLevel(level)
        logger.propagate, logger.handlers[:] = propagate, handlers


def _loggers() -> dict[str, logging.Logger]:
    known = logging.root.manager.loggerDict
    return {
        name: logger
        for name, logger in known.items()
        if name.partition(".")[0] == "pyload" and isinstance(logger, logging.Logger)
    }


def _logging(logger: logging.Logger) -> tuple[int, bool, list[logging.Handler]]:
    return logger.level, logger.propagate, logger.handlers[:]


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder with the recordings of the real programs."""
    path = Path(os.environ.get("PYLOAD_GOLDEN", ROOT.parent / "shared" / "golden"))
    if not path.is_dir():
        pytest.skip(f"no recordings at {path}; set PYLOAD_GOLDEN to their folder")
    return path


def pytest_configure(config: pytest.Config) -> None:
    """Make the loop for gRPC."""
    config.stash[ONE_LOOP] = OneLoop()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close it."""
    config.stash[ONE_LOOP].close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run tests marked ``grpc`` on the one loop that gRPC may have in a process."""
    if pyfuncitem.get_closest_marker("grpc") is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    pyfuncitem.config.stash[ONE_LOOP].run(pyfuncitem.obj(**arguments))
    return True
