"""Servers outside the program, as a real cluster is."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Cluster:
    """Servers that run.

    Attributes:
        kubeconfig: Names the API server.
        plaintext: Address of the control plane.
        tls: Its address with TLS.
    """

    kubeconfig: str
    plaintext: str
    tls: str


@contextlib.contextmanager
def run_servers(folder: Path, *, work: float = 0.0) -> Iterator[Cluster]:
    """Run an API server and a control plane in another process.

    Args:
        folder: Gets the kubeconfig.
        work: Seconds of work that each push to a proxy costs.
    """
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("servers.py"), str(work)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        path = write_kubeconfig(folder, addresses["api"])
        yield Cluster(str(path), addresses["plaintext"], addresses["tls"])
        process.stdin.close()


@contextlib.contextmanager
def run_api_server(folder: Path) -> Iterator[Path]:
    """Run ``pyload isolated --apiserver-only``, and yield its kubeconfig.

    Args:
        folder: Gets the kubeconfig.
    """
    path = folder / "kubeconfig"
    program = Path(sys.executable).parent / "pyload"
    with subprocess.Popen(
        [program, "isolated", "--apiserver-only", "--kubeconfig-out", path],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            # It is written once the server listens.
            while not path.exists() or not path.read_text():
                assert process.poll() is None
                time.sleep(0.05)
            yield path
        finally:
            process.terminate()
            process.wait(timeout=10)


def free_port() -> int:
    """Return a port of the loopback address on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert isinstance(port, int)
    return port


def write_kubeconfig(folder: Path, server: str) -> Path:
    """Write a kubeconfig that names an API server, and return its path."""
    path = folder / "config"
    named = {"name": "a"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{**named, "cluster": {"server": server}}],
        "users": [{**named, "user": {}}],
        "contexts": [{**named, "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    path.write_text(json.dumps(config))
    return path
