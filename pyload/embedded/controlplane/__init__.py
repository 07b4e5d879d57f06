"""A small control plane for runs without Istio, and for tests: xDS over SotW and delta.

Here live what it knows of the mesh, how that becomes Envoy's and ztunnel's configuration, which
change is pushed to whom, and the server's side of xDS streams. It serves sidecars, gateways,
waypoints and ztunnels with the names, references and sizes that tests of a control plane's clients
need; filters for policies and telemetry, HTTPRoutes and TLS settings of DestinationRules are left
out. It is not istiod and says so in every response. Nothing here knows of flags, or of how proxies
are emulated.
"""

from __future__ import annotations

from pyload.embedded.controlplane.controlplane import ControlPlane

__all__ = ["ControlPlane"]
