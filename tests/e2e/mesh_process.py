"""What surrounds the Envoys of a mesh, in a process of its own: servers, and Istio's agent.

It runs the embedded API server and control plane, and gives Envoys the certificate of the account
``default`` of the namespace ``mesh``, as the agent in their pod would. The argument is a folder for
that certificate, in which ``objects.json`` has the objects that are there from the beginning.
Prints all addresses as JSON, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from pyload.embedded.controlplane.connected_proxy import WorkloadIdentity
from pyload.embedded.controlplane.wire import any_of, field
from pyload.embedded.stack import run_stack
from pyload.tasks import Supervisor, run
from pyload.xds.csr import new_request
from pyload.xds.types import SDS
from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from pyload.embedded.controlplane.ca import Authority
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj

_SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"


def certify(authority: Authority, folder: Path) -> Mapping[str, bytes]:
    """Write a certificate into a folder, and return it as the agent's secrets."""
    key, request = new_request("")
    identity = WorkloadIdentity("mesh", "default")
    chain = "".join(authority.sign(request, identity, timedelta(hours=1))).encode()
    for name, pem in (("chain", chain), ("key", key), ("root", authority.root)):
        (folder / f"{name}.pem").write_bytes(pem)
    return {
        "default": field(2, _inline(1, chain) + _inline(2, key)),
        "ROOTCA": field(4, _inline(1, authority.root)),
    }


def _inline(tag: int, pem: bytes) -> bytes:
    return field(tag, field(2, pem))


def _response(secrets: Mapping[str, bytes], message: bytes) -> bytes:
    """Answer a request for secrets; an acknowledgement is answered with nothing."""
    request = discovery_pb2.DiscoveryRequest.FromString(message)
    if request.response_nonce:
        return b""
    answer = discovery_pb2.DiscoveryResponse(version_info="1", nonce="1", type_url=SDS)
    for name in request.resource_names:
        answer.resources.append(any_of(SDS, field(1, name.encode()) + secrets[name]))
    return answer.SerializeToString()


@contextlib.asynccontextmanager
async def run_agent(secrets: Mapping[str, bytes]) -> AsyncIterator[str]:
    """Serve secrets to Envoys until the context is left, and yield the address."""

    async def stream(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for message in requests:
            if answer := _response(secrets, message):
                yield answer

    method = grpc.stream_stream_rpc_method_handler(stream)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(_SERVICE, {"StreamSecrets": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def create(objects: list[tuple[str, str, Obj]], client: Client) -> None:
    """Create objects with their status, each with the paths of its kind and of itself."""
    for kind, path, obj in objects:
        created = await client.create(kind, obj)
        if "status" in obj:
            await client.update(f"{path}/status", {**created, "status": obj["status"]})


async def main() -> None:
    """Serve."""
    folder = Path(sys.argv[1])
    prepare = partial(create, json.loads((folder / "objects.json").read_bytes()))
    async with (
        Supervisor() as background,
        run_stack(background, tls=True, prepare=prepare) as stack,
    ):
        assert stack.plane.authority is not None
        secrets = certify(stack.plane.authority, folder)
        async with run_agent(secrets) as agent:
            await stack.plane.ready.wait()
            line = {
                "api": stack.api,
                "plaintext": stack.plaintext,
                "tls": stack.tls,
                "mtls": stack.mtls,
                "agent": agent,
            }
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    run(main())
