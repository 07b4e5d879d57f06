"""The routes that ``pyload prober`` adds, and the lines that it writes about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.manifests.objects import bare_object

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

NAMESPACE: Final = "gateway-test"
GATEWAY: Final = "gateway-test"
TEAPOT: Final = 418
"""The status that a route answers with; nothing else in a cluster does."""

HEADER: Final = "replica,written_ms,ready_ms,attempts"


@dataclass(frozen=True, slots=True)
class Probe:
    """The times of one route.

    Attributes:
        index: Counted from 0.
        written: Seconds until the API server had taken the route.
        ready: Seconds until the gateway served it; None if it did not in time.
        attempts: Requests to the gateway.
    """

    index: int
    written: float
    ready: float | None
    attempts: int

    def to_csv(self) -> str:
        """Format the probe as one line in the order of `HEADER`."""
        ready = "" if self.ready is None else f"{self.ready * 1e3:.3f}"
        return f"{self.index},{self.written * 1e3:.3f},{ready},{self.attempts}"


@dataclass(frozen=True, slots=True)
class ProbeObjects:
    """Builds the objects of one run.

    Attributes:
        namespace: Namespace of all of them, and part of the names of their hosts.
        run_id: Value of the run label.
    """

    namespace: str
    run_id: str

    def host(self, name: str) -> str:
        """Return the host name of a route."""
        return f"{name}.{self.namespace}.example.com"

    def gateway(self, *, api_version: str) -> Obj:
        """Build the listener that the routes are added to."""
        spec = {
            "selector": {"istio": "ingressgateway"},
            "servers": [
                {
                    "port": {"number": 80, "name": "http", "protocol": "HTTP"},
                    "hosts": [self.host("*")],
                }
            ],
        }
        return self._obj(api_version, "Gateway", GATEWAY, spec=spec)

    def service_entry(self, name: str, *, api_version: str) -> Obj:
        """Build the service that a route refers to."""
        spec = {
            "hosts": [self.host(name)],
            "location": "MESH_EXTERNAL",
            "resolution": "NONE",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        }
        return self._obj(api_version, "ServiceEntry", name, spec=spec)

    def virtual_service(self, name: str, *, api_version: str) -> Obj:
        """Build a route that the gateway itself answers, so that no backend is measured."""
        host = self.host(name)
        spec = {
            "hosts": [host],
            "gateways": [GATEWAY],
            "http": [
                {
                    "fault": {"abort": {"httpStatus": TEAPOT, "percentage": {"value": 100}}},
                    "route": [{"destination": {"host": host, "port": {"number": 80}}}],
                }
            ],
        }
        return self._obj(api_version, "VirtualService", name, spec=spec)

    def _obj(self, api_version: str, kind: str, name: str, *, spec: Obj) -> Obj:
        obj = bare_object(api_version, kind, name, namespace=self.namespace, run_id=self.run_id)
        obj["spec"] = spec
        return obj
