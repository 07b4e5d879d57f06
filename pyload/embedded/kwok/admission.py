"""The hook of the injector in an API server, in place of Istio's webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.embedded.apiserver.kinds import NAMESPACE
from pyload.embedded.kwok.inject import IMAGE, inject

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.embedded.apiserver.api import ApiServer
    from pyload.kube.resources import Obj, Resource


def injector(server: ApiServer, *, image: str = IMAGE) -> Callable[[Resource, Obj], Obj]:
    """Return an ``admit`` for an API server that adds native sidecars to its new pods.

    Args:
        server: The API server, for its namespaces.
        image: The proxies' image, for comparison with recordings.
    """

    def admit(resource: Resource, obj: Obj) -> Obj:
        if resource.kind != "Pod":
            return obj
        namespace = server.store.get(NAMESPACE, "", obj["metadata"]["namespace"])
        if namespace is None:
            return obj
        return inject(obj, namespace.obj, native=True, image=image)

    return admit
