"""The real kubectl on a server that asks for tokens."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.kubectl.command import Kubectl
from tests.e2e.needs import program

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e


@pytest.fixture
def kubectl(tmp_path: Path) -> Iterator[Kubectl]:
    """Serve objects with TLS."""
    kubectl = Kubectl(program("kubectl", source="Kubernetes' own kubectl, on the path"), tmp_path)
    config = tmp_path / "kubeconfig"
    pyload = Path(sys.executable).parent / "pyload"
    with subprocess.Popen(
        [pyload, "isolated", "--apiserver-only", "--tls", "--kubeconfig-out", config],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            while not config.exists() or kubectl.run("version").returncode:
                assert server.poll() is None
                time.sleep(0.1)
            yield kubectl
        finally:
            server.terminate()
            server.wait(timeout=10)


def test_users_are_who_their_tokens_say(kubectl: Kubectl) -> None:
    """Scripts that hand tokens to controllers could not be tried without a cluster."""
    assert "system:masters" in kubectl("auth", "whoami")
    kubectl("create", "serviceaccount", "app")
    token = kubectl("create", "token", "app").strip()
    kubectl("config", "set-credentials", "app", f"--token={token}")
    kubectl("config", "set-credentials", "stranger", "--token=wrong")
    assert "system:serviceaccount:default:app" in kubectl("auth", "whoami", "--user=app")
    assert "You must be logged in" in kubectl.refused("get", "pods", "--user=stranger")
    assert kubectl.run("get", "--raw", "/version", "--user=app").returncode == 0
