"""The real kubectl on one `pyload isolated` for all tests of this folder."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.e2e.kubectl.command import Kubectl
from tests.e2e.needs import lack, program
from tests.e2e.outside import run_api_server

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST = 30
"""The minor version of the oldest kubectl that the table is about."""

_SOURCE = f"Kubernetes' own kubectl, 1.{OLDEST} or newer, on the path"
_NAMES = (f"test-{number}" for number in count(1))


@pytest.fixture(scope="session")
def kubectl_on_default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Serve objects, and return a kubectl that looks in the namespace ``default``."""
    kubectl = Kubectl(program("kubectl", source=_SOURCE), tmp_path_factory.mktemp("kubectl"))
    version = json.loads(kubectl("version", "--client", "--output=json"))["clientVersion"]
    if (int(version["major"]), int(version["minor"].rstrip("+"))) < (1, OLDEST):
        lack("kubectl", _SOURCE)
    with run_api_server(kubectl.folder):
        yield kubectl


@pytest.fixture
def kubectl(kubectl_on_default: Kubectl) -> Kubectl:
    """Return a kubectl in a namespace of its own."""
    name = next(_NAMES)
    kubectl_on_default("create", "namespace", name)
    return kubectl_on_default.within(name)
