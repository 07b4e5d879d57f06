"""The objects that pyload writes to an API server, as JSON.

Each function builds one object from names and numbers, in the form in which pilot-load writes it:
`objects` has what every mesh consists of, `pods` its pods and their status, `istio` Istio's objects
and a waypoint's Gateway, `kwok` the nodes and deployments of a cluster with kwok, `certificates`
and `rbac` what gateways need, and `ips` the addresses of pods and services. Which objects a mesh
has is decided in `pyload.mesh`; nothing here talks to an API server.
"""
