"""One proxy's whole configuration, fetched over one stream."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.errors import PyloadError
from pyload.proxies.connect import connect_proxy, loop_scheduler
from pyload.proxies.identity import DEFAULT as FULL_NODES
from pyload.proxies.identity import NodeEncoder
from pyload.xds.resource_set import ResourceSet, refs
from pyload.xds.resources import decode
from pyload.xds.types import CDS, ECDS, EDS, LDS, RDS, SDS, TypeUrl, short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.harness.servers import Servers
    from pyload.proxies.identity import NodeOptions
    from pyload.proxies.spec import ProxySpec
    from pyload.xds.client import Client
    from pyload.xds.types import Push, Received

QUIET_SECONDS: Final = 1.0
"""How long names that were asked for may be missing after the last response that came."""


class Fetched:
    """What a proxy has been sent.

    Args:
        delta: Whether responses carry only changes, as those of delta xDS do.

    Attributes:
        resources: Each an encoded ``Any``, by type and name.
        refused: Why responses could not be read, in order.
    """

    def __init__(self, *, delta: bool) -> None:
        self.resources: dict[TypeUrl, dict[str, bytes]] = {}
        self.refused: list[str] = []
        self._delta = delta

    def on_push(self, push: Push) -> None:
        """Add the resources of a response."""
        if push.error:
            self.refused.append(f"{short(push.type_url)}: {push.error}")
            return
        known = self.resources.setdefault(push.type_url, {})
        if not self._delta and push.type_url in (CDS, LDS):
            # Of these alone a response is always the whole state.
            known.clear()
        for name in push.removed_names:
            known.pop(name, None)
        known.update(zip(push.names, push.bodies, strict=True))

    def wanted(self) -> Mapping[TypeUrl, frozenset[str]]:
        """Return the names that the clusters and listeners refer to, by type."""
        sets = [
            ResourceSet.of(
                decode(type_url, body) for body in self.resources.get(type_url, {}).values()
            )
            for type_url in (CDS, LDS)
        ]
        return {type_url: refs(type_url, *sets).members for type_url in (EDS, RDS, ECDS, SDS)}

    def missing(self) -> dict[TypeUrl, list[str]]:
        """Return the names that are referred to and have not been sent, by type."""
        return {
            type_url: left
            for type_url, names in self.wanted().items()
            if (left := sorted(names - self.resources.get(type_url, {}).keys()))
        }

    def prune(self) -> None:
        """Forget resources that nothing refers to any more."""
        for type_url, names in self.wanted().items():
            known = self.resources.get(type_url, {})
            for name in known.keys() - names:
                del known[name]


async def fetch(
    spec: ProxySpec,
    servers: Servers,
    *,
    delta: bool,
    node: NodeOptions = FULL_NODES,
    fetched: Fetched | None = None,
) -> Fetched:
    """Connect as a proxy until it has everything that it asked for; never connects twice.

    A name that the control plane does not know is waited for until nothing has come for a second.
    Where it is the name of endpoints, listeners are then asked for all the same: an Envoy would get
    none, but what they would be is what a dump is for.

    Args:
        spec: Who the proxy is.
        servers: The servers.
        delta: Whether to use delta xDS.
        node: How its node looks.
        fetched: Collects the responses, also for a caller that does not wait for the end.

    Raises:
        PyloadError: There is no way to the control plane, or it ended the stream.
    """
    fetched = Fetched(delta=delta) if fetched is None else fetched
    watcher = _Watcher(fetched)
    client = connect_proxy(
        spec,
        servers.resolver,
        loop_scheduler(),
        observer=watcher,
        rng=Random(),  # noqa: S311 - spreads nothing, with one dial
        delta=delta,
        nodes=NodeEncoder(node),
        with_resources=True,
    )
    client.start()
    try:
        await watcher.wait(client)
    finally:
        client.stop()
        await watcher.over.wait()
    fetched.prune()
    return fetched


class _Watcher:
    """Observes the client until everything has been sent, or its stream ends."""

    def __init__(self, fetched: Fetched) -> None:
        self.over = asyncio.Event()
        self._fetched = fetched
        self._changed = asyncio.Event()
        self._configured = False
        self._endpoints = False
        self._error: BaseException | None = None

    async def wait(self, client: Client) -> None:
        """Wait until everything has been sent.

        Args:
            client: The client.

        Raises:
            PyloadError: The stream ended first.
        """
        while True:
            self._changed.clear()
            if self._error is not None:
                raise self._error
            if self._configured and not self._fetched.missing():
                return
            begun = self._configured or self._endpoints
            try:
                async with asyncio.timeout(QUIET_SECONDS if begun else None):
                    await self._changed.wait()
            except TimeoutError:
                if self._configured:
                    return
                client.stop_waiting()

    def connecting(self) -> None:
        pass

    def connected(self, seconds: float) -> None:
        pass

    def push(self, received: Received) -> None:
        self._fetched.on_push(received.push)
        self._endpoints |= received.response.type_url == EDS
        self._changed.set()

    def configured(self, seconds: float) -> None:
        del seconds
        self._configured = True
        self._changed.set()

    def disconnected(self, reason: str, detail: str, retry_in: float) -> None:
        del retry_in
        self._error = PyloadError(f"ADS connection: {detail}", fix=_FIXES.get(reason, ""))
        self._changed.set()

    def ended(self, error: BaseException | None) -> None:
        if error is not None:
            self._error = error
        self.over.set()
        self._changed.set()


_FIXES: Final = {
    "connect": "check --pilot-address and --auth (every port but 15010 means jwt, over TLS)",
    "token": "grant the account `create` on serviceaccounts/token, or use port 15010",
    "certificate": "check that the CA signs for the pod's service account",
    "unauthenticated": "check --auth, and that istiod knows the cluster of the kubeconfig",
}
