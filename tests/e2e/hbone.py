"""A client that reaches a service by Istio's tunnel, as a ztunnel does for its pods."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

import h2.connection
import h2.events

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.e2e.pod_network import PodNetwork


def workload_tls(folder: Path, *alpn: str) -> ssl.SSLContext:
    """Return how a workload speaks TLS with others of the mesh.

    Args:
        folder: Has its certificate.
        alpn: Application protocols.
    """
    context = ssl.create_default_context(cafile=folder / "root.pem")
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    # The certificate names an account, and no host.
    context.check_hostname = False
    context.set_alpn_protocols([*alpn])
    return context


def get_through_tunnel(
    network: PodNetwork,
    tunnel: tuple[str, int],
    target: str,
    *,
    headers: Mapping[str, str],
    tls: ssl.SSLContext,
) -> str:
    """Ask a server for its first page within the tunnel, and return what that holds.

    Args:
        network: Where the end of the tunnel is.
        tunnel: Its IP and port.
        target: ``IP:PORT`` of the server.
        headers: Headers of the request.
        tls: How the tunnel speaks TLS.
    """
    plain = network.run(socket.create_connection, tunnel, 5)
    protocol = h2.connection.H2Connection()
    lines = [f"{name}: {value}" for name, value in {**headers, "Connection": "close"}.items()]
    request = "\r\n".join(("GET / HTTP/1.1", *lines, "", ""))
    with contextlib.closing(tls.wrap_socket(plain)) as connection:
        protocol.initiate_connection()
        protocol.send_headers(1, [(":method", "CONNECT"), (":authority", target)])
        protocol.send_data(1, request.encode())
        found = b""
        while True:
            connection.sendall(protocol.data_to_send())
            data = connection.recv(65536)
            assert data, "the tunnel was closed"
            for event in protocol.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    assert (b":status", b"200") in event.headers
                elif isinstance(event, h2.events.DataReceived):
                    found += event.data
                    protocol.acknowledge_received_data(event.flow_controlled_length, 1)
                elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    return found.decode().partition("\r\n\r\n")[2]
