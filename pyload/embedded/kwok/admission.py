"""Hooks the injector into an API server, as Istio's webhook is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.embedded.apiserver.kinds import NAMESPACE
from pyload.embedded.kwok.inject import IMAGE, inject

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.embedded.apiserver.api import ApiServer
    from pyload.kube.resources import Obj, Resource


def injector(
    server: ApiServer,
    *,
    native: bool = True,
    revision: str = "default",
    image: str = IMAGE,
    cluster_id: str = "Kubernetes",
) -> Callable[[Resource, Obj], Obj]:
    """Give what to set as a server's ``admit``, so that its new pods get their sidecars.

    Args:
        server: The API server, for its namespaces.
        native: Whether sidecars are native, unless a pod says otherwise.
        revision: Name of the control plane's revision.
        image: The proxies' image.
        cluster_id: Name of the cluster.
    """

    def admit(resource: Resource, obj: Obj) -> Obj:
        if resource.kind != "Pod":
            return obj
        namespace = server.store.get(NAMESPACE, "", obj["metadata"]["namespace"])
        if namespace is None:
            return obj
        return inject(
            obj,
            namespace.obj,
            native=native,
            revision=revision,
            image=image,
            cluster_id=cluster_id,
        )

    return admit
