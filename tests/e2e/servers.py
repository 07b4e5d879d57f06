"""An API server and a control plane in a process of their own, for the tests of the program.

Prints their addresses as JSON, and ends when its standard input does. The argument is the work of a
push to a proxy in seconds, for a control plane that is to be slow.
"""

from __future__ import annotations

import asyncio
import json
import sys

from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.kube.client import Client
from pyload.tasks import Supervisor, run


async def main() -> None:
    """Serve."""
    server = ApiServer()
    plane = ControlPlane(Client(server.transport()), work=float(sys.argv[1]))
    async with Supervisor() as background, server.serve() as api:
        background.spawn(plane.run(), name="control-plane")
        async with plane.serve(tls_port=0) as addresses:
            await plane.ready.wait()
            line = {"api": api, "plaintext": addresses.plaintext, "tls": addresses.tls}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    run(main())
