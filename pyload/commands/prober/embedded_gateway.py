"""The gateway of ``pyload prober --embedded``: a router proxy that answers by its routes.

Behind the built-in control plane there is no Envoy. An xDS client takes the place of the ingress
gateway, and a request is answered by looking for its host in the routes that this client has been
sent. So the times are those of the way to the gateway, without Envoy's own.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pyload.commands.prober.probes import TEAPOT
from pyload.proxies.fleet import FleetEvents
from pyload.proxies.spec import ProxySpec
from pyload.xds.node import ROUTER
from pyload.xds.types import RDS

if TYPE_CHECKING:
    from pyload.xds.types import Push

SPEC: Final = ProxySpec(
    key="gateway",
    type=ROUTER,
    ip="10.1.0.10",
    name="istio-ingressgateway",
    namespace="istio-system",
    service_account="default",
    labels={"istio": "ingressgateway"},
)


class EmbeddedGateway(FleetEvents):
    """Answers requests as a gateway with the routes of one proxy would.

    Args:
        delta: Whether the proxy speaks delta xDS, in which responses name what was removed.
    """

    def __init__(self, *, delta: bool) -> None:
        self._delta = delta
        self._routes: dict[str, bytes] = {}

    def on_push(self, spec: ProxySpec, push: Push) -> None:
        """Keep the routes of a response."""
        del spec
        if push.type_url != RDS or push.error:
            return
        if not self._delta:
            self._routes.clear()
        self._routes.update(zip(push.names, map(bytes, push.bodies), strict=True))
        for name in push.removed_names:
            self._routes.pop(name, None)

    async def ask(self, host: str) -> int | None:
        """Answer a request for a host, of which each has one route."""
        text = host.encode()
        # In a protobuf message a string stands behind its length.
        wanted = bytes([len(text)]) + text
        found = any(wanted in body for body in self._routes.values())
        return TEAPOT if found else HTTPStatus.NOT_FOUND
