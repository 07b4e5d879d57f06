"""Fixtures for every test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.one_loop import OneLoop
from tests.virtual import VIRTUAL

if TYPE_CHECKING:
    from collections.abc import Mapping

ONE_LOOP = pytest.StashKey[OneLoop]()
ROOT = Path(__file__).parent.parent

hypothesis.settings.register_profile(
    "pyload",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("pyload")


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, Mapping[str, Any]]:
    """Async tests run on uvloop, as the program does; those marked ``virtual`` in virtual time."""
    if request.node.get_closest_marker("virtual") is not None:
        return VIRTUAL
    return "asyncio", {"use_uvloop": True}


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
