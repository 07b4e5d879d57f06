"""What secures the embedded servers where they are asked for TLS: an authority and a token."""

from __future__ import annotations

import base64
import secrets
import ssl
from typing import TYPE_CHECKING

from pyload.embedded.controlplane.ca import Authority

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


class Secured:
    """An authority of its own for each start, and the token of the API server's one mighty user.

    Attributes:
        authority: Signs the certificates of both servers.
        token: The token.
    """

    def __init__(self) -> None:
        self.authority = Authority()
        self.token = secrets.token_urlsafe(32)

    def context(self, host: str) -> ssl.SSLContext:
        """Return how the API server shows itself on an address; it asks for no certificates."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self.authority.for_server(host).load_into(context)
        return context


def kubeconfig(url: str, secured: Secured | None) -> Obj:
    """Return a kubeconfig of an API server, with all that it takes to be let in."""
    cluster, user = {"server": url}, {}
    if secured is not None:
        cluster["certificate-authority-data"] = base64.b64encode(secured.authority.root).decode()
        user["token"] = secured.token
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "pyload",
        "clusters": [{"name": "pyload", "cluster": cluster}],
        "users": [{"name": "pyload", "user": user}],
        "contexts": [{"name": "pyload", "context": {"cluster": "pyload", "user": "pyload"}}],
    }
