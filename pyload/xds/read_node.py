"""Reads from an Envoy what it says of its build: ``python -m pyload.xds.read_node --envoy PATH``.

The Envoy is started with a bootstrap that makes it ask a server in this process for clusters. Its
first request has the node, of which the part that is the binary's own is printed as the JSON of
`pyload.xds.envoy`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from pyload.errors import PyloadError, UsageError
from pyload.xds.transport import SOTW_METHOD
from pyload.xds.wire import envoy_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS: Final = 30.0
"""How long an Envoy may take until it connects."""


def bootstrap(port: int) -> dict[str, Any]:
    """Return the bootstrap of an Envoy that asks a server on a local port for its clusters."""
    address = {"address": "127.0.0.1", "port_value": port}
    endpoint = {"endpoint": {"address": {"socket_address": address}}}
    protocols = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    source = {"ads": {}, "resource_api_version": "V3"}
    return {
        "node": {"id": "read", "cluster": "read"},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
            },
            "cds_config": source,
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "xds",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "xds",
                        "endpoints": [{"lb_endpoints": [endpoint]}],
                    },
                    "typed_extension_protocol_options": {
                        protocols: {
                            "@type": f"type.googleapis.com/{protocols}",
                            "explicit_http_config": {"http2_protocol_options": {}},
                        }
                    },
                }
            ]
        },
    }


def written(request: bytes) -> str:
    """Return the build in an Envoy's first request as the text of a file.

    Raises:
        PyloadError: The request names no build.
    """
    try:
        node = envoy_pb2.EnvoyDiscoveryRequest.FromString(request).node
    except DecodeError as error:
        raise PyloadError("the first message is no request of an Envoy") from error
    if not node.extensions:
        raise PyloadError("the first request names no extensions: is it an Envoy?")
    build = json_format.MessageToDict(node, preserving_proto_field_name=True)
    lines = ",\n".join(f"  {json.dumps(one)}" for one in build.pop("extensions"))
    head = json.dumps(build, indent=1, sort_keys=True).removesuffix("\n}")
    return f'{head},\n "extensions": [\n{lines}\n ]\n}}\n'


async def first_request(command: list[str]) -> bytes:
    """Start an Envoy, and return the first request that it sends.

    Args:
        command: The program and its arguments, to which a bootstrap is added.

    Raises:
        PyloadError: The Envoy sent no request.
        UsageError: The program cannot be started.
    """
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def stream(requests: AsyncIterator[bytes], _context: Any) -> None:
        async for request in requests:
            if not received.done():
                received.set_result(request)

    service, _, method = SOTW_METHOD.strip("/").partition("/")
    handlers = {method: grpc.stream_stream_rpc_method_handler(stream)}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with _running([*command, "--config-yaml", json.dumps(bootstrap(port))]) as envoy:
            ended = asyncio.create_task(envoy.communicate(), name="envoy")
            either: list[asyncio.Future[Any]] = [received, ended]
            await asyncio.wait(either, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if received.done():
                return received.result()
            if not ended.done():
                raise PyloadError(f"no request has come in {SECONDS:g} s")
            said = ended.result()[1].decode("utf-8", "replace").strip()
            raise PyloadError(f"the program has ended without a request: {said[-500:]}")
    finally:
        await server.stop(None)


@contextlib.asynccontextmanager
async def _running(command: list[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise UsageError(f"{command[0]} cannot be started: {error.strerror}") from error
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def main(arguments: list[str]) -> int:
    """Run the command, and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m pyload.xds.read_node", description=__doc__)
    parser.add_argument("--envoy", required=True, metavar="PATH", help="Envoy's binary")
    envoy = parser.parse_args(arguments).envoy
    try:
        request = asyncio.run(first_request([envoy, "--use-dynamic-base-id", "-l", "error"]))
        sys.stdout.write(written(request))
    except PyloadError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
