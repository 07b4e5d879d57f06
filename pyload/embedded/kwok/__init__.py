"""All that moves in a kwok cluster around an API server, for runs and tests without one.

Nodes and pods come to life as kwok's stages make them, Deployments and Jobs get their pods, pods
get their nodes, and new pods get their sidecars as from Istio's injector. `state` is the cluster
as the watches show it and says what needs attention; `stages`, `scheduler`, `controllers` and
`inject` decide; `kwok`, `pod_controller` and `workload_controller` send the requests. Nothing here
may open an xDS stream.
"""
