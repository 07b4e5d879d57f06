"""Reading from an Envoy what it says of its build."""

from __future__ import annotations

import json
import sys
from importlib import resources

import pytest

from pyload.errors import PyloadError, UsageError
from pyload.xds.envoy import FILE, build
from pyload.xds.read_node import first_request, written
from pyload.xds.wire import envoy_pb2

# Asks as an Envoy does, for the server that its bootstrap names.
ENVOY = """
import json, sys, grpc
bootstrap = json.loads(sys.argv[2])
endpoint, = bootstrap["static_resources"]["clusters"][0]["load_assignment"]["endpoints"]
port = endpoint["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]["port_value"]
name = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    for _ in channel.stream_stream(name)(iter([b"first", b"second"])):
        pass
"""


def test_the_file_is_what_the_command_writes() -> None:
    """Whoever reads another Envoy would see all of the file change."""
    request = envoy_pb2.EnvoyDiscoveryRequest(node=build()).SerializeToString()

    text = (resources.files("pyload.xds") / FILE).read_text(encoding="utf-8")
    assert written(request) == text
    assert json.loads(text)["user_agent_name"] == "envoy"


@pytest.mark.parametrize("request_", [b"", b"\xff"])
def test_what_is_no_request_of_an_envoy_is_an_error(request_: bytes) -> None:
    """An empty list would be written over the good one."""
    with pytest.raises(PyloadError):
        written(request_)


@pytest.mark.anyio
@pytest.mark.grpc
@pytest.mark.process
async def test_the_first_request_of_a_program_is_read() -> None:
    """The program ends long before its time is over."""
    assert await first_request([sys.executable, "-c", ENVOY]) == b"first"


@pytest.mark.anyio
@pytest.mark.grpc
@pytest.mark.process
async def test_a_program_that_is_no_envoy_is_an_error() -> None:
    """The user would wait, or see a traceback."""
    with pytest.raises(PyloadError, match=r"(?s)without a request: .*NameError"):
        await first_request([sys.executable, "-c", "envoy"])
    with pytest.raises(UsageError, match="cannot be started: No such file"):
        await first_request(["/nowhere/envoy"])
