"""Tests of the metrics in Prometheus' format and of their server."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pyload.errors import UsageError
from pyload.report.metrics import Metrics
from pyload.report.prometheus import CONTENT_TYPE, Registry, parse_address, serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def metrics() -> Metrics:
    """Counters of which each has counted something."""
    metrics = Metrics()
    metrics.proxy("sidecar", None, "connected")
    metrics.push("sidecar", "cds", 100)
    metrics.disconnect('a "reason"\n')
    metrics.object("Pod", "created")
    metrics.churn("configs", "dropped", 7)
    metrics.first_config.record(0.3)
    metrics.first_config.record(100)
    metrics.connect.record(0.004)
    metrics.loop_lag.record(0.002)
    return metrics


@pytest.fixture
def busy_port() -> Iterator[int]:
    """A port on which something else listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Parse an exposition: name and label values, in order of the labels, to value."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def ask(address: str, request: str) -> tuple[str, dict[str, str], str]:
    """Send an HTTP request and give status, headers and body of the answer."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    writer.write(request.encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return status, headers, body


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Read until the connection ends, however it ends."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


def get(path: str, method: str = "GET") -> str:
    """Write an HTTP request."""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_prometheus_reads_every_metric(metrics: Metrics) -> None:
    """Dashboards would be empty."""
    actual = samples(Registry(metrics, version="1.2.3").render().decode())
    own = {key: value for key, value in actual.items() if key[0].startswith("pyload_")}
    buckets = {key: value for key, value in own.items() if key[0].endswith("_bucket")}
    assert {key: own[key] for key in own.keys() - buckets.keys()} == {
        ("pyload_info", "1.2.3"): 1,
        ("pyload_proxies", "connected", "sidecar"): 1,
        ("pyload_pushes_total", "cds"): 1,
        ("pyload_push_bytes_total", "cds"): 100,
        ("pyload_reconnects_total", 'a "reason"\n'): 1,
        ("pyload_objects_total", "Pod", "created"): 1,
        ("pyload_churn_total", "dropped", "configs"): 7,
        ("pyload_first_config_seconds_count",): 2,
        ("pyload_first_config_seconds_sum",): 100.3,
        ("pyload_connect_seconds_count",): 1,
        ("pyload_connect_seconds_sum",): 0.004,
        ("pyload_loop_lag_seconds_count",): 1,
        ("pyload_loop_lag_seconds_sum",): 0.002,
    }
    assert buckets["pyload_first_config_seconds_bucket", "0.25"] == 0
    assert buckets["pyload_first_config_seconds_bucket", "0.5"] == 1
    assert buckets["pyload_first_config_seconds_bucket", "60.0"] == 1
    assert buckets["pyload_first_config_seconds_bucket", "+Inf"] == 2


@pytest.mark.skipif(sys.platform != "linux", reason="prometheus-client reads /proc")
def test_the_figures_of_workers_are_there_when_there_are_workers(metrics: Metrics) -> None:
    """Nobody would see which process of many is the busy one."""
    assert b"pyload_worker" not in Registry(metrics).render()
    part = Metrics()
    figures = replace(
        part.snapshot(),
        worker_cpu={"0": 1.5, "1": 2.5},
        worker_rss={"1": 1000},
        worker_restarts={"0": 1, "1": 0},
    )
    part.snapshot = lambda: figures  # type: ignore[method-assign] # a part of fixed figures
    metrics.attach(part)
    actual = samples(Registry(metrics).render().decode())
    assert actual["pyload_worker_cpu_seconds_total", "1"] == 2.5
    assert actual["pyload_worker_resident_memory_bytes", "1"] == 1000
    assert actual["pyload_worker_restarts_total", "0"] == 1


def test_the_sizes_of_caches_are_there(metrics: Metrics) -> None:
    """Nobody could tell a process that remembers too much from one that leaks."""
    metrics.caches = lambda: {"messages": 5, "resources": 7}
    actual = samples(Registry(metrics).render().decode())
    assert actual["pyload_cache_bytes", "messages"] == 5
    assert actual["pyload_cache_bytes", "resources"] == 7


def test_process_metrics_are_there(metrics: Metrics) -> None:
    """Dashboards made for the Go tool would show no CPU and memory."""
    names = {key[0] for key in samples(Registry(metrics).render().decode())}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes"} <= names


def test_nothing_counted_yet_can_be_read(metrics: Metrics) -> None:
    """The first scrape of a run would fail."""
    actual = samples(Registry(Metrics()).render().decode())
    assert actual["pyload_connect_seconds_count",] == 0


@pytest.mark.socket
@pytest.mark.anyio
@pytest.mark.parametrize("address", ["127.0.0.1:0", ":0", "localhost:0"])
async def test_serves_the_metrics(metrics: Metrics, address: str) -> None:
    """Prometheus could not scrape a run."""
    async with serve(address, metrics) as bound:
        assert bound is not None
        port = bound.rpartition(":")[2]
        status, headers, body = await ask(f"127.0.0.1:{port}", get("/metrics?a=b"))
        assert status == "HTTP/1.1 200 OK"
        assert headers["Content-Type"] == CONTENT_TYPE
        assert headers["Content-Length"] == str(len(body))
        assert samples(body)["pyload_pushes_total", "cds"] == 1
        metrics.push("sidecar", "cds", 1)
        _, _, body = await ask(f"127.0.0.1:{port}", get("/metrics"))
        assert samples(body)["pyload_pushes_total", "cds"] == 2
    with pytest.raises(OSError, match=r"[Cc]onnect"):
        await asyncio.open_connection("127.0.0.1", int(port))


@pytest.mark.socket
@pytest.mark.anyio
async def test_serves_ipv6(metrics: Metrics) -> None:
    """`[::1]:PORT` would be refused."""
    async with serve("[::1]:0", metrics) as bound:
        if bound is None:
            pytest.skip("no IPv6 here")
        assert bound.startswith("[::1]:")
        assert (await ask(bound, get("/metrics")))[0] == "HTTP/1.1 200 OK"


@pytest.mark.socket
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        (get("/"), "HTTP/1.1 404 Not Found", "404 page not found\n"),
        (get("/healthz"), "HTTP/1.1 404 Not Found", "404 page not found\n"),
        (get("/metrics", "POST"), "HTTP/1.1 405 Method Not Allowed", "use GET\n"),
        (get("/metrics", "HEAD"), "HTTP/1.1 200 OK", ""),
        ("\r\n\r\n", "HTTP/1.1 404 Not Found", "404 page not found\n"),
    ],
)
async def test_anything_else_is_not_found(
    metrics: Metrics, request_: str, status: str, body: str
) -> None:
    """Probes written for the Go tool would get something else than its 404."""
    async with serve("127.0.0.1:0", metrics) as bound:
        assert bound is not None
        actual, _, text = await ask(bound, request_)
    assert (actual, text) == (status, body)


@pytest.mark.socket
@pytest.mark.anyio
async def test_an_endless_request_is_cut_off(metrics: Metrics) -> None:
    """A broken client would fill memory."""
    async with serve("127.0.0.1:0", metrics) as bound:
        assert bound is not None
        host, _, port = bound.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"x" * 100_000)
        assert await rest(reader) == b""
        writer.close()


@pytest.mark.socket
@pytest.mark.anyio
async def test_leaving_closes_idle_connections(metrics: Metrics) -> None:
    """The end of a run would wait for a client that says nothing."""
    async with serve("127.0.0.1:0", metrics) as bound:
        assert bound is not None
        host, _, port = bound.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await ask(bound, get("/"))
    assert await rest(reader) == b""
    writer.close()


@pytest.mark.socket
@pytest.mark.anyio
@pytest.mark.parametrize("host", ["127.0.0.1", ""])
async def test_a_taken_port_is_only_logged(
    metrics: Metrics, host: str, busy_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A second run on the same machine could not start."""
    with caplog.at_level(logging.INFO, logger="pyload"):
        async with serve(f"{host}:{busy_port}", metrics) as bound:
            assert bound is None
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "INFO",
            f"monitoring server listen tcp {host}:{busy_port}: bind: address already in use",
        )
    ]


@pytest.mark.anyio
async def test_an_unknown_host_is_only_logged(
    metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    """A typing mistake in `--metrics-addr` would end in a traceback."""
    with caplog.at_level(logging.INFO, logger="pyload"):
        async with serve("256.256.256.256:80", metrics) as bound:
            assert bound is None
    (record,) = caplog.records
    assert record.getMessage() == (
        "monitoring server listen tcp 256.256.256.256:80: lookup: no such host"
    )


@pytest.mark.anyio
async def test_an_empty_address_serves_nothing(metrics: Metrics) -> None:
    """The server could not be turned off."""
    async with serve("", metrics) as bound:
        assert bound is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (":8765", ("", 8765)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:9", ("::1", 9)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_reads_addresses(address: str, expected: tuple[str, int]) -> None:
    """The server would listen elsewhere."""
    assert parse_address(address) == expected


@pytest.mark.parametrize("address", ["8765", "a:b", ":", "::1:80", ":65536", ":-1", "a:٣"])
def test_refuses_what_is_no_address(address: str) -> None:
    """A typing mistake would end in a traceback."""
    with pytest.raises(UsageError, match="is not an address to listen on; write HOST:PORT"):
        parse_address(address)


@pytest.mark.process
def test_importing_costs_nothing() -> None:
    """Every start would pay for a library that only a scrape needs."""
    code = (
        "import sys, pyload.report.prometheus as e, pyload.report.progress, pyload.report.summary\n"
        "heavy = {'aiohttp', 'prometheus_client', 'rich', 'yaml'} & set(sys.modules)\n"
        "raise SystemExit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
