"""A Kubernetes API server in memory, for runs and tests without a cluster.

It answers as a real one does for the kinds that pyload, Istio and kubectl touch: versions, watches,
optimistic locking, server-side apply, finalizers, namespaces that terminate, token requests. There
are no users and no controllers but those of namespaces. Nothing here may know about Istio beyond
the names of its kinds.
"""

from __future__ import annotations

from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.apiserver.requests import Request

__all__ = ["ApiServer", "Request"]
