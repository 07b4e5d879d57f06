"""Runs and servers that may open too few files."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

PYLOAD = Path(sys.executable).parent / "pyload"
PROXIES = 120
CONFIG = """\
nodes: [{name: node, count: 2}]
namespaces: [{name: mesh, applications: [{name: app, type: sidecar, pods: 120}]}]
"""


def limited(files: int) -> partial[None]:
    """Return what a child process does first, so that it may open so many files."""
    return partial(resource.setrlimit, resource.RLIMIT_NOFILE, (files, files))


@pytest.mark.parametrize("extra", [(), ("--workers", "2"), ("--auth", "mtls", "--csr-per-pod")])
@pytest.mark.parametrize("files", [96, 140])
def test_a_run_with_too_few_files_fails_its_proxies_and_nothing_else(
    files: int, extra: tuple[str, ...], tmp_path: Path
) -> None:
    """Whoever runs into `ulimit -n` needs the figures up to there, and a clean cluster."""
    config, out = tmp_path / "mesh.yaml", tmp_path / "r.json"
    config.write_text(CONFIG)
    done = subprocess.run(
        [
            *(PYLOAD, "cluster", "--embedded", "-c", config, "--out", out),
            *("--duration", "1s", "--startup-timeout", "3s", "--metrics-addr", "127.0.0.1:0"),
            *extra,
        ],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=40,
        check=False,
        preexec_fn=limited(files),
    )
    shown = done.stdout + done.stderr
    assert "Traceback" not in shown
    assert done.returncode in (3, 5), shown
    assert f"a process may open {files} files" in shown
    result = json.loads(out.read_text())
    assert result["proxies"]["configured"] < PROXIES
    assert result["objects"]["left"] == result["objects"]["failed"] == 0
    assert f"cannot write {out}" not in shown


def test_fewer_files_than_the_servers_need_are_refused_before_anything_is_done() -> None:
    """GRPC aborts the process, and the event loop shows a traceback."""
    for files in (16, 40, 95):
        done = subprocess.run(
            [PYLOAD, "cluster", "--embedded", "--duration", "1s"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            preexec_fn=limited(files),
        )
        assert done.returncode == 2, done.stdout + done.stderr
        # Variables of the tests themselves are warned of before.
        assert f"Error: this process may open {files} files" in done.stderr
        assert done.stdout == ""


@contextlib.contextmanager
def isolated(folder: Path, *arguments: str, files: int) -> Iterator[Path]:
    """Serve objects with so many files, and yield the log."""
    log = folder / "log"
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            [PYLOAD, "isolated", "--metrics-addr", "127.0.0.1:0", *arguments],
            stdout=stream,
            stderr=stream,
            preexec_fn=limited(files),  # noqa: PLW1509
        ) as server,
    ):
        try:
            yield log
        finally:
            server.terminate()
            assert server.wait(timeout=20) == 0, log.read_text()


def found(log: Path, pattern: str) -> str:
    """Wait until something is in a log, and return it."""
    for _ in range(300):
        match = re.search(pattern, log.read_text())
        if match is not None:
            return match[0]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def test_a_server_without_files_turns_clients_away_and_recovers(tmp_path: Path) -> None:
    """One client that leaks connections would end the server for everybody."""
    with isolated(tmp_path, "--apiserver-only", files=100) as log:
        url = found(log, r"http://127\.0\.0\.1:\d+")
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        idle = [socket.create_connection(address, timeout=5) for _ in range(300)]
        with pytest.raises((OSError, urllib.error.URLError)):
            urllib.request.urlopen(f"{url}/version", timeout=5)
        found(log, "may open no more, so its servers turn connections away")
        for one in idle:
            one.close()
        for _ in range(50):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/version", timeout=5)
                break
            time.sleep(0.1)
        else:
            raise AssertionError(log.read_text())
        assert "Traceback" not in log.read_text()
