"""The xDS client: one proxy's side of the conversation with the control plane.

From the wire up: ``lean``, with ``http2`` and ``tls_engine``, or ``grpc_transport`` carries streams
of messages; ``messages`` and ``prefix_cache`` put received messages together without a copy
for each proxy; ``response_cache``, ``responses``, ``resources`` and ``resource_set`` read them once
for all proxies; ``subscriptions``, in the words of ``sotw`` or ``delta``, decides what to answer;
``session`` decides when to dial; and ``client`` drives all of it for one proxy. ``ca``,
``certificates``, ``csr``, ``tls`` and ``credentials`` are about who the proxy is.

Nothing here knows of Kubernetes, of metrics, or of more than one proxy.
"""

from __future__ import annotations
