"""A mesh of objects in an embedded API server, for commands that look at a cluster's pods.

Against a user's servers, `dump` and `impersonate` find the pods that are there. An embedded API
server is empty, so the objects of a mesh are created in it first: those of the user's config, or of
two applications with two pods each. The mesh gets no proxies; these are the command's business.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final, cast

from pyload.config.parse import parse_config
from pyload.errors import UsageError
from pyload.manifests.ips import IpAllocator
from pyload.mesh.mesh import Mesh
from pyload.mesh.names import Names, is_called
from pyload.mesh.planner import plan_cluster
from pyload.mesh.writer import Writer
from pyload.report.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.config.parse import Loaded
    from pyload.kube.client import Client
    from pyload.mesh.plan import AppPlan, PodPlan
    from pyload.proxies.fleet import Fleet
    from pyload.proxies.spec import ProxySpec

_SAMPLE: Final = b"""
namespaces:
- name: mesh
  applications:
  - {name: web, instances: 2}
  - {name: api, instances: 2}
"""


class SampleMesh:
    """The objects of a mesh.

    The same config has the same names each time, so that they can be typed again.

    Args:
        loaded: The user's config; None for a small mesh.
    """

    def __init__(self, loaded: Loaded | None) -> None:
        config = (loaded or parse_config(_SAMPLE, source="the sample mesh")).config
        self._names = Names(Random(0))  # noqa: S311 - names, not secrets
        self._ips = IpAllocator(first="10.1.0.10")
        self._plan = plan_cluster(config, "fake", names=self._names, next_ip=self._ips.allocate)

    async def create(self, client: Client) -> None:
        """Create the objects.

        Raises:
            PyloadError: One of them cannot be created.
        """
        mesh = Mesh(
            self._plan,
            writer=Writer(client, Metrics()),
            fleet=cast("Fleet", _NoProxies()),
            names=self._names,
            ips=self._ips,
            authenticated=True,
        )
        await mesh.start()

    def find_pod(self, name: str, namespace: str) -> tuple[str, str]:
        """Return the namespace and name of the first pod that is meant.

        Args:
            name: Name of the pod or of its application; empty for any.
            namespace: Its namespace; empty for any.

        Raises:
            UsageError: There is no such pod.
        """
        for app, pod in self._pods():
            wanted = not name or name == pod.name or is_called(app.name, name)
            if wanted and namespace in ("", app.namespace):
                return app.namespace, pod.name
        there = ", ".join(sorted({f"{app.namespace}/{app.name}" for app, _ in self._pods()}))
        raise UsageError(
            f"pod not found: {namespace or '*'}/{name or '*'}",
            fix=f"the embedded mesh has {there or 'no pods'}; give another with -c",
        )

    def _pods(self) -> Iterator[tuple[AppPlan, PodPlan]]:
        return ((app, pod) for app in self._plan.apps if app.proxy_type for pod in app.pods)


class _NoProxies:
    """The fleet of a mesh that has objects only."""

    def start(self, spec: ProxySpec) -> None:
        """Start nothing."""


def check_config(loaded: Loaded | None, *, embedded: bool) -> None:
    """Check that a config is given with the embedded servers only.

    Raises:
        UsageError: It is not.
    """
    if loaded is not None and not embedded:
        raise UsageError(
            "-c builds a mesh in the embedded API server only",
            fix="add --embedded, or build the mesh with `pyload cluster`",
        )
