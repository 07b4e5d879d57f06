"""A small control plane for runs without Istio, and for tests: xDS over SotW and delta.

Here live what it knows of the mesh, how that becomes Envoy's configuration, and the server's side
of xDS streams. It serves sidecars, and gateways as far as clusters go; it is not istiod and says
so in every response. Nothing here knows of flags, or of how proxies are emulated.
"""

from __future__ import annotations

from pyload.embedded.controlplane.controlplane import ControlPlane

__all__ = ["ControlPlane"]
