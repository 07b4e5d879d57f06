"""A small control plane for runs without Istio, and for tests: xDS over SotW and delta.

`registry` and `configs` hold the state of the mesh, fed by watches; `generate` makes a `snapshot`
of encoded resources from it; `push_scope` decides which change reaches which proxy, and `push_loop`
when; `stream` is the server's side of the xDS protocol, and `connection` one proxy that speaks it.
`controlplane` holds these together; `server` and `memory` are the two ways in. Sidecars, gateways,
waypoints and ztunnels are sent the names, references and sizes that tests of a control plane's
clients need; filters for policies and telemetry, HTTPRoutes and TLS settings of DestinationRules
are left out. It does not pretend to be istiod: every response names pyload as its control plane.
Nothing here knows of flags, or of how proxies are emulated.
"""
