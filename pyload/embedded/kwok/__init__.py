"""What a kwok cluster does around an API server, for runs and tests without one.

Nodes and pods come to life as kwok's stages make them, Deployments and Jobs get their pods, pods
get their nodes, and new pods get their sidecars as from Istio's injector. What decides is pure;
`pyload.embedded.kwok.kwok` does what was decided. Nothing here may open an xDS stream.
"""

from __future__ import annotations
