"""What a real server has and this one has not, and the answers that say why.

Nothing of it is listed in discovery. Paths that no server has get a plain 404 instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import refusals
from pyload.kube.resources import locate

if TYPE_CHECKING:
    from collections.abc import Mapping

_RUN_NOTHING: Final = "the pods of this API server run nothing"
_PARTS: Final[Mapping[str, str]] = {
    "log": f"{_RUN_NOTHING}: there are no logs",
    "exec": f"{_RUN_NOTHING}: there is nothing to run a command in",
    "attach": f"{_RUN_NOTHING}: there is nothing to attach to",
    "portforward": f"{_RUN_NOTHING}: there are no ports to forward",
    "ephemeralcontainers": f"{_RUN_NOTHING}: there is nothing to debug",
    "proxy": "there is nothing behind this API server that it could be a proxy of",
}
_HOSTS: Final = frozenset(("nodes", "pods", "services"))
_PATHS: Final[Mapping[str, str]] = {
    "metrics": "this API server keeps no metrics of itself",
    "openapi/v2": "this API server describes its kinds in OpenAPI v3 only, at /openapi/v3",
}


def refusal(path: str) -> refusals.Refused:
    """Return the answer to a path that the server does not serve."""
    where = locate(path)
    if where is not None and not where.group and where.plural in _HOSTS and where.name:
        why = _PARTS.get(where.subresource.partition("/")[0], "")
        if why:
            return refusals.not_implemented(why)
    return refusals.no_such_path(_PATHS.get(path.strip("/"), ""))
