"""A mesh around Envoys: objects in the embedded API server, and workloads that answer requests."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.embedded.controlplane.mesh import RESOURCES
from tests.embedded.controlplane.support import plural_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    from pyload.kube.resources import Obj
    from tests.e2e.pod_network import PodNetwork


class Mesh:
    """The servers of `tests.e2e.mesh_process`, which run until the end of the context.

    Args:
        network: Where they run.
        folder: Gets the certificate of the Envoys: ``chain.pem``, ``key.pem`` and ``root.pem``.

    Attributes:
        network: Where they run.
        folder: Has that certificate.
        addresses: Addresses of the control plane (``plaintext``, ``tls`` and ``mtls``), of the API
            server (``api``) and of the agent (``agent``).
    """

    def __init__(self, network: PodNetwork, folder: Path) -> None:
        self.network = network
        self.folder = folder
        self.addresses: dict[str, str] = {}

    @contextlib.contextmanager
    def run(self, *objects: Obj) -> Iterator[Self]:
        """Run the servers, with objects that are there from the beginning."""
        listed = [(_path(obj, ""), _path(obj), obj) for obj in objects]
        (self.folder / "objects.json").write_text(json.dumps(listed))
        with self.network.start(
            *(sys.executable, Path(__file__).with_name("mesh_process.py"), self.folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            self.addresses = json.loads(process.stdout.readline())
            try:
                yield self
            finally:
                process.stdin.close()

    def add(self, *objects: Obj) -> None:
        """Create objects."""
        for obj in objects:
            self._call("POST", _path(obj, ""), obj)

    def remove(self, *objects: Obj) -> None:
        """Delete objects."""
        for obj in objects:
            self._call("DELETE", _path(obj))

    def _call(self, method: str, path: str, body: Obj | None = None) -> None:
        request = urllib.request.Request(
            f"{self.addresses['api']}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        self.network.run(urllib.request.urlopen, request, timeout=10).close()


def _path(obj: Obj, name: str | None = None) -> str:
    """Return the path of an object, or with an empty name that of its kind."""
    metadata = obj["metadata"]
    name = metadata["name"] if name is None else name
    return RESOURCES[plural_of(obj)].path(metadata.get("namespace", ""), name)


class _Workload(BaseHTTPRequestHandler):
    """Answers with the name of the server, and what came to it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = json.dumps(
            {"name": self.server.name, "path": self.path, "headers": dict(self.headers)}  # type: ignore[attr-defined]
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep requests out of the tests' output."""


@contextlib.contextmanager
def workload(network: PodNetwork, name: str, ip: str, port: int) -> Iterator[None]:
    """Run a server that answers with its name."""
    server = network.run(ThreadingHTTPServer, (ip, port), _Workload)
    server.name = name  # type: ignore[attr-defined]
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def get(
    network: PodNetwork,
    address: tuple[str, int],
    path: str = "/",
    *,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    server_name: str = "",
) -> tuple[int, Any]:
    """Ask a server of the network; return the status, and the JSON of the answer if it is any.

    Args:
        network: Where it is.
        address: IP and port.
        path: What to ask for.
        headers: Headers of the request.
        tls: How TLS is spoken; None for plain text.
        server_name: The server that TLS asks for.
    """
    connection = http.client.HTTPConnection(*address, timeout=5)
    network.run(connection.connect)
    if tls is not None:
        connection.sock = tls.wrap_socket(connection.sock, server_hostname=server_name or None)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        body = answer.read()
    try:
        return answer.status, json.loads(body)
    except ValueError:
        return answer.status, body.decode()
