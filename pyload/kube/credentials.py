"""The credentials of a kubeconfig, or of pyload's own pod, kept up to date in memory.

One object owns all that requests show, headers and TLS context alike. It reads its source again
when that may have changed, and at once when the server answers 401. A context that would be the
same stays, so that its connections are used again. What cannot be renewed serves on: the server
may still accept it, and says so if not.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import TYPE_CHECKING, Final

from pyload.errors import ClusterUnreachable, PyloadError, UsageError
from pyload.kube.http import HttpTransport
from pyload.kube.kubeconfig import proxy_source
from pyload.kube.kubeconfig_source import KubeconfigSource
from pyload.kube.pod_source import SERVICE_ACCOUNT, PodSource, server_of
from pyload.kube.proof import Proof
from pyload.kube.proxy import ProxyRules, parse
from pyload.kube.target import OWN_IDENTITY, Identity, candidates, locate
from pyload.kube.tls_context import tls_context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pyload.kube.kubeconfig import Selected
    from pyload.kube.proof import Material, Source, Trust

_RETRY_SECONDS: Final = 60.0
"""After a renewal that failed."""

_VAIN_SECONDS: Final = 10.0
"""How long a renewed proof that is refused as well is kept."""

_SHORTEST_SECONDS: Final = 1.0
"""For how long a proof counts as good at least, whatever its source says."""

log = logging.getLogger("pyload.kube")


class RenewedCredentials:
    """Keeps the proof of one user of one cluster up to date.

    Args:
        source: Where the credentials come from.
        headers: More headers of every request; a name may occur several times.
    """

    def __init__(self, source: Source, headers: Sequence[tuple[str, str]] = ()) -> None:
        self._source = source
        self._more_headers = tuple(headers)
        self._renewal = asyncio.Lock()
        self._proof = Proof()
        self._trust: Trust | None = None
        self._due = 0.0
        self._refused: Proof | None = None
        self._vain_until = 0.0

    async def load(self) -> None:
        """Read the source for the first time.

        Raises:
            PyloadError: It cannot be used; says why.
        """
        self._adopt(await self._source.read(refused=False))

    async def current(self) -> Proof:
        """Return what to show now, renewed if it was about to end."""
        if self._now() >= self._due:
            async with self._renewal:
                if self._now() >= self._due:
                    await self._renew(refused=False)
        return self._proof

    async def renew(self, refused: Proof) -> bool:
        """Return whether there is another proof than the one that the server answered with 401.

        However many requests were refused, the source is asked once.
        """
        async with self._renewal:
            if self._proof is not refused:
                return True
            if refused is self._refused and self._now() < self._vain_until:
                return False
            return await self._renew(refused=True)

    def on_refused_again(self, proof: Proof) -> None:
        """Record that the server has answered 401 to a renewed proof, too.

        The source is not asked for another at each of thousands of requests.
        """
        self._refused, self._vain_until = proof, self._now() + _VAIN_SECONDS

    async def _renew(self, *, refused: bool) -> bool:
        try:
            self._adopt(await self._source.read(refused=refused))
        except PyloadError as error:
            log.warning("cannot renew the cluster credentials: %s", error)
            self._due = self._now() + _RETRY_SECONDS
            return False
        return True

    def _adopt(self, material: Material) -> None:
        context = self._proof.context
        if material.trust != self._trust:
            context = None if material.trust is None else tls_context(material.trust)
            self._trust = material.trust
        shown = [("Authorization", material.authorization)] if material.authorization else []
        self._proof = Proof((*shown, *self._more_headers), context)
        seconds = float("inf") if material.good_for is None else material.good_for
        self._due = self._now() + max(seconds, _SHORTEST_SECONDS)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def connect(
    kubeconfig: str | None,
    *,
    environ: Mapping[str, str],
    service_account: Path = SERVICE_ACCOUNT,
    identity: Identity = OWN_IDENTITY,
) -> HttpTransport:
    """Find the API server as `locate` does, without sending a request to it.

    Args:
        kubeconfig: Path of a file, or None.
        environ: Environment variables.
        service_account: Folder of the pod's credentials.
        identity: Which context to use, and as whom.

    Raises:
        UsageError: The kubeconfig cannot be used.
        ClusterUnreachable: There is no kubeconfig, and this is not a pod.
    """
    selected = await asyncio.to_thread(locate, kubeconfig, environ=environ, identity=identity)
    headers = identity.impersonated({} if selected is None else selected.user).headers()
    for warning in () if selected is None else selected.warnings:
        log.warning("%s", warning)
    if selected is not None:
        return await _from_kubeconfig(selected, environ, headers)
    log.info("using in cluster kubeconfig")
    looked = candidates(kubeconfig, environ)
    return await _in_cluster(environ, service_account, looked, headers)


async def _from_kubeconfig(
    selected: Selected, environ: Mapping[str, str], headers: Sequence[tuple[str, str]]
) -> HttpTransport:
    server = str(selected.cluster["server"])
    url = selected.cluster.get("proxy-url")
    named = parse(url, proxy_source(selected.source, selected.context)) if url else None
    try:
        source = KubeconfigSource(selected, environ=environ, terminal=_at_terminal())
        credentials = RenewedCredentials(source, headers)
        await credentials.load()
    except UsageError as error:
        error.fix = error.fix or "check that kubectl works with it, or use another --kubeconfig"
        raise error.during(f"kubeconfig {selected.source}") from error.__cause__
    return HttpTransport(
        server,
        credentials=credentials,
        proxies=ProxyRules(named, environ),
        server_hostname=selected.cluster.get("tls-server-name"),
        compressed=not selected.cluster.get("disable-compression"),
    )


async def _in_cluster(
    environ: Mapping[str, str],
    folder: Path,
    looked: Sequence[Path],
    headers: Sequence[tuple[str, str]],
) -> HttpTransport:
    server = server_of(environ)
    credentials = RenewedCredentials(PodSource(folder), headers)
    try:
        if not server:
            raise ClusterUnreachable("KUBERNETES_SERVICE_HOST and _PORT are not set")
        await credentials.load()
    except ClusterUnreachable as error:
        raise ClusterUnreachable(
            f"there is no kubeconfig at {os.pathsep.join(map(str, looked))}, and this is not a pod "
            f"in a cluster ({error.what})",
            fix="name a kubeconfig with --kubeconfig",
        ) from error
    except UsageError as error:
        raise error.during(str(folder)) from error.__cause__
    return HttpTransport(server, credentials=credentials, proxies=ProxyRules(None, environ))


def _at_terminal() -> bool:
    """Return whether a plug-in could ask the user something."""
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # closed, or not there at all
        return False
