"""Connecting to the API server with the credentials of a kubeconfig, or of pyload's own pod."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import ClusterUnreachable, UsageError
from pyload.kube.http import HttpTransport
from pyload.kube.kubeconfig import proxy_source
from pyload.kube.proxy import ProxyRules, parse
from pyload.kube.target import OWN_IDENTITY, Identity, candidates, locate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pyload.kube.kubeconfig import Selected
    from pyload.kube.transport import Transport

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Folder in which Kubernetes puts a pod's credentials."""

_REFRESH_SECONDS: Final = 60.0

log = logging.getLogger("pyload.kube")


async def connect(
    kubeconfig: str | None,
    *,
    environ: Mapping[str, str],
    service_account: Path = SERVICE_ACCOUNT,
    identity: Identity = OWN_IDENTITY,
) -> Transport:
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
    extra = identity.impersonated({} if selected is None else selected.user).headers()
    for warning in () if selected is None else selected.warnings:
        log.warning("%s", warning)
    # Slow to import, so not while the loop has other work.
    config = await asyncio.to_thread(importlib.import_module, "kubernetes_asyncio.config")
    # It reports what it raises as well, and we say it better.
    logging.getLogger("kubernetes_asyncio").addHandler(logging.NullHandler())
    if selected is not None:
        return await _from_kubeconfig(config, selected, environ, extra)
    log.info("using in cluster kubeconfig")
    looked = candidates(kubeconfig, environ)
    return await _in_cluster(config, environ, service_account, looked, extra)


def _proxies(selected: Selected, environ: Mapping[str, str]) -> ProxyRules:
    url = selected.cluster.get("proxy-url")
    proxy = parse(url, proxy_source(selected.source, selected.context)) if url else None
    return ProxyRules(proxy, environ)


async def _from_kubeconfig(
    config: Any,
    selected: Selected,
    environ: Mapping[str, str],
    extra: Sequence[tuple[str, str]],
) -> Transport:
    source = _KubeconfigSource(config, selected)
    settings = await source.load()
    return HttpTransport(
        settings.host,
        ssl=_tls(settings, selected.source) if settings.host.startswith("https:") else None,
        headers=_Headers(_bearer(settings), source.authorization, source.expires).get,
        proxies=_proxies(selected, environ),
        server_hostname=settings.tls_server_name,
        compressed=not selected.cluster.get("disable-compression"),
        extra_headers=extra,
    )


class _KubeconfigSource:
    """Turns the selected user and cluster into settings, anew whenever a token may be new."""

    def __init__(self, config: Any, selected: Selected) -> None:
        self._config = config
        self._selected = selected
        self._document = {
            "current-context": "selected",
            "contexts": [
                {"name": "selected", "context": {"cluster": "selected", "user": "selected"}}
            ],
            "clusters": [{"name": "selected", "cluster": dict(selected.cluster)}],
            "users": [{"name": "selected", "user": dict(selected.user)}],
        }
        self._expires: datetime | None = None

    async def load(self) -> Any:
        """Read the files and run the plug-in that the user and cluster refer to.

        Raises:
            UsageError: A file or the plug-in cannot be used.
        """
        from kubernetes_asyncio.client import Configuration  # noqa: PLC0415 - slow to import

        settings = Configuration()
        try:
            loader = await self._config.load_kube_config_from_dict(
                self._document, client_configuration=settings
            )
        except Exception as error:  # that package lets whatever a file's content causes through
            raise UsageError(
                f"kubeconfig {self._selected.source}: {_reason(error, self._selected.user)}",
                fix="check that kubectl works with it, or name another with --kubeconfig",
            ) from error
        self._expires = getattr(loader, "exec_plugin_expiry", None)
        return settings

    async def authorization(self) -> str:
        """Return the current value of the Authorization header; empty for an anonymous user."""
        return _bearer(await self.load())

    def expires(self) -> float | None:
        """Return for how many seconds the last answer is good; None if it does not expire."""
        user = self._selected.user
        if self._expires is not None:
            return (self._expires - datetime.now(UTC)).total_seconds() - _REFRESH_SECONDS
        if "tokenFile" in user or "auth-provider" in user:
            return _REFRESH_SECONDS
        return None


async def _in_cluster(
    config: Any,
    environ: Mapping[str, str],
    folder: Path,
    looked: Sequence[Path],
    extra: Sequence[tuple[str, str]],
) -> Transport:
    from kubernetes_asyncio.client import Configuration  # noqa: PLC0415 - slow to import

    settings = Configuration()
    loader = config.incluster_config.InClusterConfigLoader(
        token_filename=str(folder / "token"),
        cert_filename=str(folder / "ca.crt"),
        environ=environ,
    )
    try:
        await asyncio.to_thread(loader.load_and_set, settings)
    except (config.ConfigException, OSError) as error:
        raise ClusterUnreachable(
            f"there is no kubeconfig at {os.pathsep.join(map(str, looked))}, and this is not a pod "
            f"in a cluster ({str(error).rstrip('.')})",
            fix="name a kubeconfig with --kubeconfig",
        ) from error

    async def authorization() -> str:
        try:
            await asyncio.to_thread(loader.load_and_set, settings)
        except config.ConfigException as error:
            raise ClusterUnreachable(str(error)) from error
        return _bearer(settings)

    return HttpTransport(
        settings.host,
        ssl=_tls(settings, str(folder)),
        headers=_Headers(_bearer(settings), authorization, lambda: _REFRESH_SECONDS).get,
        proxies=ProxyRules(None, environ),
        extra_headers=extra,
    )


def _reason(error: Exception, user: Mapping[str, Any]) -> str:
    """Return why a user's credentials cannot be used, and which file or program is the cause."""
    if isinstance(error, OSError) and error.strerror:
        plugin = (user.get("exec") or {}).get("command")
        what = error.filename or (f"plug-in {plugin}" if plugin else "")
        return f"{what}: {error.strerror}" if what else error.strerror
    return str(error).strip() or type(error).__name__


def _bearer(settings: Any) -> str:
    return str(settings.api_key.get("BearerToken") or "").strip()


class _Headers:
    """The Authorization header, renewed when it may have expired.

    Args:
        value: Its value now; empty for none.
        renew: Gives its value later.
        expires: Says for how many seconds the last value is good; None for ever.
    """

    def __init__(
        self,
        value: str,
        renew: Callable[[], Awaitable[str]],
        expires: Callable[[], float | None],
    ) -> None:
        self._renew = renew
        self._expires = expires
        self._renewal = asyncio.Lock()
        self._set(value)

    async def get(self) -> Mapping[str, str]:
        """Return the header; for an anonymous user, no header."""
        if self._worn():
            async with self._renewal:
                if self._worn():
                    await self._replace()
        return self._headers

    def _worn(self) -> bool:
        return asyncio.get_running_loop().time() >= self._due

    async def _replace(self) -> None:
        try:
            self._set(await self._renew())
        except (UsageError, ClusterUnreachable, OSError) as error:
            # The old one may still be good; if not, the server says so.
            log.warning("cannot renew the cluster credentials: %s", error)
            self._due = asyncio.get_running_loop().time() + _REFRESH_SECONDS

    def _set(self, value: str) -> None:
        self._headers: Mapping[str, str] = {"Authorization": value} if value else {}
        seconds = self._expires()
        now = asyncio.get_running_loop().time()
        self._due = float("inf") if seconds is None else now + max(seconds, 1.0)


def _tls(settings: Any, source: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, keyfile=settings.key_file)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the certificates of kubeconfig {source} cannot be used: {error}",
            fix="check that kubectl works with it, or name another with --kubeconfig",
        ) from error
    # What kubectl accepts is enough: many clusters' own CAs lack what this flag asks for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not settings.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
