"""Tests of the server of the metrics."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pyload.errors import UsageError
from pyload.report.metrics import Metrics
from pyload.report.metrics_server import parse_address, serve
from pyload.report.prometheus import CONTENT_TYPE
from tests.report.results import measured

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def metrics() -> Metrics:
    """Counters of which one has counted something."""
    metrics = Metrics()
    metrics.cells_of("sidecar")["cds"].push(100)
    return metrics


@pytest.fixture
def busy_port() -> Iterator[int]:
    """A port on which something else listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def ask(address: str, request: str) -> tuple[str, dict[str, str], str]:
    """Send an HTTP request and return status, headers and body of the answer."""
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
        assert 'pyload_pushes_total{type="cds"} 1.0' in body
        metrics.cells_of("sidecar")["cds"].push(1)
        _, _, body = await ask(f"127.0.0.1:{port}", get("/metrics"))
        assert 'pyload_pushes_total{type="cds"} 2.0' in body
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
async def test_a_taken_port_is_a_warning_that_says_what_to_do(
    metrics: Metrics, host: str, busy_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A second run on the same machine had no metrics, and said so among a thousand lines (B17)."""
    async with serve(f"{host}:{busy_port}", metrics) as bound:
        assert bound is None
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        f"no metrics are served: cannot listen on {host}:{busy_port}: address already in use; "
        "give --metrics-addr another one, or '' for none"
    )


@pytest.mark.socket
@pytest.mark.anyio
async def test_pilot_load_logs_a_taken_port_in_its_own_words(
    metrics: Metrics, busy_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Scripts that look for the line would take the port for free."""
    with caplog.at_level(logging.INFO, logger="pyload"):
        async with serve(f":{busy_port}", metrics, as_pilot_load=True) as bound:
            assert bound is None
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", f"monitoring server listen tcp :{busy_port}: bind: address already in use")
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
    assert record.getMessage().startswith(
        "no metrics are served: cannot listen on 256.256.256.256:80: lookup: no such host; give"
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


@pytest.mark.socket
@pytest.mark.anyio
async def test_what_takes_long_is_read_in_a_thread(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each scrape of a run with 10,000 sockets would stop its proxies for 25 ms."""
    threads = []
    listdir = os.listdir

    def observed(path: str) -> list[str]:
        threads.append(threading.current_thread())
        return listdir(path)

    monkeypatch.setattr(os, "listdir", observed)
    async with serve("127.0.0.1:0", metrics) as bound:
        assert bound is not None
        _, _, body = await ask(bound, get("/metrics"))
        _, _, body = await ask(bound, get("/metrics"))

    assert threading.main_thread() not in threads
    assert len(threads) == (2 if sys.platform == "linux" else 0)
    assert ("process_open_fds" in body) == (sys.platform == "linux")


@pytest.mark.socket
@pytest.mark.anyio
async def test_serves_a_live_page(metrics: Metrics) -> None:
    """Nobody could see the run but those with a Prometheus."""
    async with serve("127.0.0.1:0", metrics, figures=measured) as bound:
        assert bound is not None
        status, headers, page = await ask(bound, get("/"))
        assert (status, page[:15]) == ("HTTP/1.1 200 OK", "<!doctype html>")
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        _, headers, body = await ask(bound, get("/result.json"))
        assert json.loads(body)["run_id"] == measured().run_id
        tagged = f"GET /result.json HTTP/1.1\r\nIf-None-Match: {headers['ETag']}\r\n\r\n"
        assert (await ask(bound, tagged))[0] == "HTTP/1.1 304 Not Modified"
        assert (await ask(bound, get("/", "POST")))[0] == "HTTP/1.1 405 Method Not Allowed"


@pytest.mark.socket
@pytest.mark.anyio
async def test_pilot_load_has_no_live_page(metrics: Metrics) -> None:
    """A probe that expects the Go tool's 404 at `/` would take pyload for something else."""
    async with serve("127.0.0.1:0", metrics, figures=measured, as_pilot_load=True) as bound:
        assert bound is not None
        assert (await ask(bound, get("/")))[0] == "HTTP/1.1 404 Not Found"
