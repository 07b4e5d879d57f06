"""What the scenarios need besides pyload, and what happens where it is absent.

A scenario is skipped where something is absent, and names that. In `PYLOAD_E2E_REQUIRE` stand the
names of what must be there, separated by commas: of these each absence is a failure. `.ci/run` sets
it for all that it installs, so that a test cannot be left out there without anyone noticing.

`PYLOAD_E2E_BIN` names a folder with programs that no package has: ``pilot-discovery``, which is
istiod, ``kwok``, ``kube-apiserver`` and ``etcd``.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final, NoReturn

import pytest

REQUIRE: Final = "PYLOAD_E2E_REQUIRE"
FOLDER: Final = "PYLOAD_E2E_BIN"


def program(need: str, *names: str, source: str) -> str:
    """Find a program, beside this Python or on the path, or skip the test.

    Args:
        need: What the test needs, as `PYLOAD_E2E_REQUIRE` names it.
        names: Names of the program, the first that is there counts; the need's by default.
        source: Where it can be had from.
    """
    folders = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    for name in names or (need,):
        if found := shutil.which(name, path=folders):
            return found
    return lack(need, source)


def released(need: str) -> str:
    """Find a program of a project's release in `PYLOAD_E2E_BIN`, or skip the test."""
    folder = os.environ.get(FOLDER, "")
    found = shutil.which(need, path=folder) if folder else None
    return found or lack(need, f"from its project's release, in the folder that {FOLDER} names")


def lack(need: str, source: str) -> NoReturn:
    """Skip the test, or fail it if what it needs is required.

    Args:
        need: What is absent, as `PYLOAD_E2E_REQUIRE` names it.
        source: Where it can be had from.
    """
    text = f"needs {need}: {source}"
    if need in {name.strip() for name in os.environ.get(REQUIRE, "").split(",")}:
        pytest.fail(f"{text}; {REQUIRE} names it", pytrace=False)
    pytest.skip(text)
