"""The embedded API server and control plane together, as `--embedded` runs them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controllers.controllers import controllers
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.kube.client import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pyload.embedded.controlplane.faults import PushFaults
    from pyload.embedded.kwok.stages import Stages
    from pyload.tasks import Supervisor


@dataclass(frozen=True, slots=True)
class Stack:
    """The running embedded servers, and their addresses.

    Attributes:
        api: Base URL of the API server.
        plaintext: ``HOST:PORT`` of the control plane without TLS.
        tls: ``HOST:PORT`` of the control plane with TLS and tokens, and of its CA; empty unless
            asked for.
        mtls: ``HOST:PORT`` of the control plane with TLS and client certificates; empty likewise.
        root: Certificate in PEM that verifies those two; empty likewise.
        server: The API server.
        plane: The control plane.
    """

    api: str
    plaintext: str
    tls: str
    mtls: str
    root: bytes
    server: ApiServer
    plane: ControlPlane


def start_controllers(
    server: ApiServer, background: Supervisor, *, whole: bool = False, leases: bool = False
) -> None:
    """Start the scheduler and the controllers of a cluster around an API server.

    Args:
        server: The API server.
        background: Owns the task that runs them.
        whole: Whether they do all that those of a cluster do, endpoints too.
        leases: Whether nodes without a sign of life are lost.
    """
    loop = controllers(server, whole=whole, leases=leases)
    background.spawn(loop.run(), name="embedded-controllers")


def start_kwok(server: ApiServer, background: Supervisor, *, stages: Stages) -> None:
    """Start kwok, an injector, and the scheduler and controllers of a cluster around an API server.

    Args:
        server: The API server.
        background: Owns the task that runs them.
        stages: Which of kwok's sets of stages pods go through.
    """
    from pyload.embedded.kwok.admission import injector  # noqa: PLC0415 - kwok mode only
    from pyload.embedded.kwok.kwok import Kwok  # noqa: PLC0415

    server.admit = injector(server)
    loop = controllers(server, whole=True)
    Kwok(loop, stages=stages)
    background.spawn(loop.run(), name="embedded-controllers")


@contextlib.asynccontextmanager
async def run_stack(
    background: Supervisor,
    *,
    tls: bool,
    prepare: Callable[[Client], Awaitable[None]] | None = None,
    faults: PushFaults | None = None,
) -> AsyncIterator[Stack]:
    """Run both servers on free loopback ports until the context is left.

    Args:
        background: Owns the control plane's task.
        tls: Whether to serve TLS beside plaintext.
        prepare: Creates the objects that the control plane reads first; None for none.
        faults: What goes wrong with the control plane's pushes, for tests.
    """
    server = ApiServer()
    client = Client(server.transport())
    plane = ControlPlane(client, faults=faults)
    if prepare is not None:
        await prepare(client)
    async with server.serve() as api:
        task = background.spawn(plane.run(), name="embedded-control-plane")
        try:
            async with plane.serve(tls_port=0 if tls else None) as addresses:
                yield Stack(
                    api=api,
                    plaintext=addresses.plaintext,
                    tls=addresses.tls,
                    mtls=addresses.mtls,
                    root=addresses.root,
                    server=server,
                    plane=plane,
                )
        finally:
            task.cancel()
