"""The kinds that an API server serves when it starts."""

from __future__ import annotations

from typing import Final

from pyload.embedded.apiserver.api import ApiServer

KINDS: Final = ApiServer().kinds
CUSTOM: Final = [kind for kind in KINDS if kind.custom]
"""Those of Istio and the Gateway API, which are defined."""
