"""Tests that the programs in README.md and the library page work as they stand there."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import pyload
from pyload.config.file import load_config
from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.kube.client import Client
from pyload.tasks import Supervisor
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yaml"))
PAGES = [ROOT / "README.md", ROOT / "docs" / "library.md"]


def blocks(page: Path) -> list[str]:
    """Return the blocks of Python code in a page."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.process
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_first_program_runs(page: Path) -> None:
    """Nobody trusts a library whose first example fails."""
    done = subprocess.run(
        [sys.executable, "-c", blocks(page)[0]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=19,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "6 wanted, 6 connected, 6 configured" in done.stdout


@pytest.mark.grpc
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_the_second_program_runs(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Users who build their own test on a single proxy would begin with a program that fails."""
    names: dict[str, object] = {"pyload": pyload}
    exec(blocks(page)[1], names)
    plane = ControlPlane(Client(ApiServer().transport()))
    async with Supervisor() as background:
        background.spawn(plane.run(), name="control-plane")
        async with plane.serve() as addresses:
            watch = background.spawn(
                names["watch"](addresses.plaintext),  # type: ignore[operator]
                name="watch",
            )
            while "Listener" not in (output := capsys.readouterr().out):
                assert not watch.done()
                await asyncio.sleep(0.05)
            watch.cancel()
            await asyncio.wait([watch])

    assert "envoy.config" in output


def test_every_public_name_is_there() -> None:
    """A name that is listed but cannot be imported breaks `from pyload import *`."""
    assert all(getattr(pyload, name) is not None for name in pyload.__all__)
    assert set(dir(pyload)) == set(pyload.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pyload.nothing  # noqa: B018 - the access is the test


@pytest.mark.process
def test_importing_the_library_imports_nothing_heavy() -> None:
    """Help and completion are typed often; a second each would feel broken."""
    heavy = {"grpc", "aiohttp", "kubernetes_asyncio", "envoy_data_plane", "pydantic", "asyncio"}
    code = "import sys, pyload; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_valid_configs(path: Path) -> None:
    """People start from an example; one that is refused is worse than none."""
    loaded = load_config(str(path))

    assert loaded.warnings == ()
    assert loaded.config.namespaces


def test_the_pictures_are_of_the_first_command() -> None:
    """A reader would not find on the own screen what the pictures show, or no pictures at all."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = re.search(r"pyload cluster --embedded .*", text)
    assert first is not None
    panel = (ROOT / "docs" / "pictures" / "panel.svg").read_text(encoding="utf-8")

    assert first[0] in (ROOT / "docs" / "pictures.py").read_text(encoding="utf-8")
    assert re.findall(r"^!\[.*\]\((.*)\)$", text, re.MULTILINE) == [
        "docs/pictures/panel.svg",
        "docs/pictures/report.png",
    ]
    assert "configured" in panel
    # Names that are shown, and fetched by nobody.
    for named in ("http://www.w3.org/", "https://www.textualize.io", "http://localhost:8765/"):
        panel = panel.replace(named, "")
    assert "http" not in panel
    assert (ROOT / "docs" / "pictures" / "report.png").read_bytes().startswith(b"\x89PNG")
