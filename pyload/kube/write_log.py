"""Debug lines of the scope ``kube``, one per write, in pilot-load's format."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from pyload.kube import resources
from pyload.kube.resources import Resource, locate

if TYPE_CHECKING:
    from pyload.kube.resources import Location

log = logging.getLogger("pyload.kube")

_KINDS: Final = {
    (one.group, one.plural): one.kind
    for one in vars(resources).values()
    if isinstance(one, Resource)
}


def log_write(method: str, path: str, body: Any) -> None:
    """Log a write that is about to be sent; deletions are logged by `log_deleted`."""
    if not log.isEnabledFor(logging.DEBUG):
        return
    where = locate(path)
    if where is None:
        return
    if where.subresource == "finalize":
        log.debug("finalizing namespace: %s", where.name)
    elif method == "POST" and not where.subresource:
        name = body.get("metadata", {}).get("name", "")
        log.debug("creating resource: %s/%s/%s", _type(where), name, where.namespace)
    elif method == "PUT":
        part = " status" if where.subresource == "status" else ""
        log.debug("updating resource%s: %s/%s.%s", part, _type(where), where.name, where.namespace)
    elif method == "PATCH":
        part = " status" if where.subresource == "status" else ""
        log.debug("fast ssa resource%s: %s/%s/%s", part, _type(where), where.name, where.namespace)


def log_deleted(path: str) -> None:
    """Log a deletion that the server has accepted."""
    if not log.isEnabledFor(logging.DEBUG):
        return
    where = locate(path)
    if where is not None:
        log.debug("deleted resource: %s/%s/%s", _type(where), where.name, where.namespace)


def _type(where: Location) -> str:
    """Return the name of a kind as Go prints it: pilot-load's type for it, or its resource."""
    kind = _KINDS.get((where.group, where.plural))
    if kind is not None:
        return f"*{where.version}.{kind}"
    return f"{where.group}/{where.version}, Resource={where.plural}"
