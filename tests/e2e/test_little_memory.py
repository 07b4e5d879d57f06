"""An API server that gets no more memory."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

PYLOAD = Path(sys.executable).parent / "pyload"
MEMORY = 420 << 20
MAPS = "/api/v1/namespaces/default/configmaps"


def ask(method: str, url: str, body: Any = None) -> tuple[int, bytes]:
    """Send a request; return the status code, which is 0 without an answer, and the body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def test_a_server_without_memory_refuses_requests_and_lives(tmp_path: Path) -> None:
    """One client with too many objects would end the server for all."""
    log = tmp_path / "log"
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            [PYLOAD, "isolated", "--apiserver-only", "--metrics-addr", "127.0.0.1:0"],
            stdout=stream,
            stderr=stream,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_AS, (MEMORY, MEMORY)),  # noqa: PLW1509 - no threads that matter
        ) as server,
    ):
        try:
            while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
                assert server.poll() is None, log.read_text()
                time.sleep(0.05)
            url = found[0]
            codes = []
            for number in range(600):
                big = {"metadata": {"name": f"c{number}"}, "data": {"a": "x" * 1_000_000}}
                code, text = ask("POST", url + MAPS, big)
                codes.append(code)
                if code != 201:
                    assert (code, json.loads(text)["reason"]) == (503, "ServiceUnavailable")
                if codes.count(503) > 3:
                    break
            assert codes.count(503) > 3
            assert server.poll() is None
            assert ask("GET", f"{url}/version")[0] == 200
            assert ask("GET", url + MAPS)[0] == 503
            small = {"metadata": {"name": "small"}}
            assert ask("POST", url + MAPS, small)[0] == 201
        finally:
            server.terminate()
            assert server.wait(timeout=20) == 0, log.read_text()
    assert "Traceback" not in log.read_text()
