"""A real Prometheus that scrapes a run, and an istiod's metrics as they were recorded."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from tests.e2e.needs import program
from tests.e2e.outside import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_T = TypeVar("_T")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
MESH = ROOT / "docs" / "examples" / "kwok-bookinfo.yaml"
DASHBOARD = ROOT / "docs" / "deploy" / "grafana" / "pyload.json"
ISTIOD = ROOT / "tests" / "report" / "istiod-1.31-after.txt"

UNSEEN = {
    "pyload_control_plane_(cores|cpu_.*|goroutines|heap_.*|rss_bytes)": "none of its own",
    "pyload_control_plane_(internal_errors|rejects)_total": "nothing goes wrong",
    "pyload_control_plane_updates_total": "the embedded control plane does not count them",
    "pyload_kwok_waiting": "no pod waits for longer than a moment",
    "pyload_pacing_rate": "the embedded control plane has no limit",
    "pyload_pods_(failed|ready_total|started_total|starting)": "of `pyload startup`",
    "pyload_pushes_refused_total": "no proxy refuses a response",
    "pyload_reconnects_total": "no proxy loses its stream",
    "pyload_times_seconds": "of `pyload latency` and others",
}
"""What this run has nothing of, as patterns, and why."""


@pytest.fixture(scope="module")
def prometheus() -> tuple[str, str]:
    """Find Prometheus and its tool, or skip the test."""
    source = "Debian's package prometheus"
    found = [program("prometheus", name, source=source) for name in ("prometheus", "promtool")]
    return found[0], found[1]


@pytest.fixture(scope="module")
def run() -> Iterator[str]:
    """Run a mesh in kwok mode in two processes; return the address of its metrics."""
    address = f"127.0.0.1:{free_port()}"
    kind = ("--cluster-type", "kwok", "--workers", "2", "--probe", "1s")
    arguments = ("cluster", "--embedded", "-c", MESH, *kind)
    with subprocess.Popen(
        [Path(sys.executable).parent / "pyload", *arguments, "--metrics-addr", address],
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=15) in (0, 130)


@pytest.fixture(scope="module")
def istiod() -> Iterator[str]:
    """Serve the recorded page of an istiod that reaches its counts within ten seconds."""
    began = time.monotonic()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = recorded_page(min((time.monotonic() - began) / 10, 1.0)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *args: object) -> None:
            """Keep requests out of the tests' output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def api(
    prometheus: tuple[str, str], run: str, istiod: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Let Prometheus scrape the run and istiod each second; return the URL of its API."""
    address = f"127.0.0.1:{free_port()}"
    tmp_path = tmp_path_factory.mktemp("prometheus")
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [target]}]}
            for name, target in (("pyload", run), ("istiod", istiod))
        ],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    with subprocess.Popen(
        [
            prometheus[0],
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address={address}",
            "--log.level=warn",
        ]
    ) as process:
        try:
            yield f"http://{address}/api/v1"
        finally:
            process.terminate()
            process.wait(timeout=10)


def recorded_page(share: float) -> str:
    """Return the recorded page as it was when its counters had this share of their counts."""
    lines = []
    kinds: dict[str, str] = {}
    for line in ISTIOD.read_text().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            kinds[name] = kind
        elif not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name = series.partition("{")[0]
            kind = kinds.get(name) or kinds[re.sub("_(bucket|sum|count)$", "", name)]
            if kind != "gauge":
                line = f"{series} {float(value) * share}"  # noqa: PLW2901 - the same line, scaled
        lines.append(line)
    return "\n".join(lines) + "\n"


def get(url: str) -> str:
    """Return the answer to a request; empty for a server that is not there yet."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return ""
    assert isinstance(text, str)
    return text


def query(api: str, promql: str) -> list[dict[str, Any]]:
    """Return the series that a query selects, with their last values."""
    text = get(f"{api}/query?{urllib.parse.urlencode({'query': promql})}")
    result = json.loads(text)["data"]["result"] if text else []
    assert isinstance(result, list)
    return result


def chosen(api: str, variable: dict[str, Any]) -> str:
    """Return what Grafana puts in a query for a variable of which all values are chosen."""
    found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"])
    assert found is not None
    match = urllib.parse.urlencode({"match[]": found[1]})
    values = json.loads(get(f"{api}/label/{found[2]}/values?{match}"))["data"]
    return f"({'|'.join(map(re.escape, values))})" if values else ""


def wait_for(what: Callable[[], _T]) -> _T:
    """Return the first outcome that is true."""
    until = time.monotonic() + 40
    while not (outcome := what()):
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.1)
    return outcome


def documented() -> set[str]:
    """Return the names of all metrics of docs/metrics.md."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    names = set(re.findall(r"^\| `(pyload_\w+)`", page, flags=re.MULTILINE))
    assert len(names) > 10
    return names


def test_a_real_prometheus_has_every_metric_of_the_documentation(api: str) -> None:
    """A query written after the documentation would stay empty."""
    configured = "sum(pyload_proxies{state='configured'}) == 6"
    wait_for(lambda: query(api, configured))
    unseen = {name for name in documented() if any(re.fullmatch(one, name) for one in UNSEEN)}
    expected = documented() - unseen

    def missing() -> set[str]:
        series = query(api, '{job="pyload"}')
        names = {one["metric"]["__name__"] for one in series}
        names |= {re.sub("_(bucket|sum|count)$", "", name) for name in names}
        return expected - names

    with contextlib.suppress(TimeoutError):
        wait_for(lambda: not missing())
    assert not missing()
    assert query(api, "up{job='pyload'}")[0]["value"][1] == "1"


def test_every_query_of_the_dashboard_has_data(api: str) -> None:
    """A panel that is empty though all is measured makes people distrust the rest."""
    dashboard = json.loads(DASHBOARD.read_text())
    wait_for(lambda: query(api, "pyload_run_info") and query(api, "pilot_info"))
    variables = {"$__rate_interval": "5m", "$__range": "5m"}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            variables[f"${variable['name']}"] = chosen(api, variable).replace("\\", "\\\\")
    queries = {
        (panel["title"], target["legendFormat"]): target["expr"]
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    }
    assert len(queries) > 50
    for name, value in variables.items():
        queries = {key: promql.replace(name, value) for key, promql in queries.items()}
    assert not [promql for promql in queries.values() if "$" in promql]

    def empty() -> dict[tuple[str, str], str]:
        return {
            key: promql
            for key, promql in queries.items()
            if not any(one["value"][1] != "NaN" for one in query(api, promql))
        }

    with contextlib.suppress(TimeoutError):
        wait_for(lambda: not empty())
    assert not empty()


def test_its_linter_finds_nothing_in_the_page(prometheus: tuple[str, str], run: str) -> None:
    """Names and types against the conventions break dashboards and alerts that rely on them."""
    page = wait_for(lambda: get(f"http://{run}/metrics"))
    done = subprocess.run(
        [prometheus[1], "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
