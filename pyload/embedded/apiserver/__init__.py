"""A Kubernetes API server in memory, for runs and tests without a cluster.

It answers as a real one does for the kinds that pyload, Istio and kubectl touch: versions, watches,
optimistic locking, server-side apply, finalizers, namespaces that terminate, token requests. There
are no users, and no controllers but those of namespaces and Services. `api.ApiServer` is its face;
`handler` routes a request to `reads`, `writes`, `subresources` or `reviews`, which work on the
objects in `store`; `server` and `memory` are the two ways in. Nothing here may know about Istio
beyond the names of its kinds.
"""
