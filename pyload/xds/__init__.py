"""The xDS client: what one proxy says to the control plane, hears from it, and makes of it.

``types``, ``node``, ``resources``, ``graph``, ``sotw``, ``delta`` and ``session`` decide and do
nothing else; ``client`` drives them over a ``transport``. Nothing here knows of Kubernetes, of
metrics, or of more than one proxy.
"""

from __future__ import annotations
