"""The exec plug-in of a user: when it is run, and what it is told."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import UsageError
from pyload.kube.exec_process import run_plugin
from pyload.kube.exec_protocol import EXTENSION, exec_info, parse_exec, read_status
from pyload.refresh import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyload.key_pair import KeyPair
    from pyload.kube.exec_protocol import ExecStatus
    from pyload.kube.resources import Obj

_MARGIN_SECONDS: Final = 60.0
"""How long before its end what a plug-in said is renewed; less for what lives shortly."""


class ExecPlugin:
    """Keeps what the plug-in has said until that ends.

    Args:
        section: The section ``exec`` of the user.
        cluster: The cluster's section.
        environ: Environment variables.
        terminal: Whether standard input is a terminal.
        now: Returns the time in UTC.
    """

    def __init__(
        self,
        section: object,
        cluster: Mapping[str, Any],
        *,
        environ: Mapping[str, str],
        terminal: bool,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._config = parse_exec(section)
        self._cluster = cluster
        self._environ = environ
        self._interactive = self._config.is_interactive(terminal=terminal)
        self._now = now
        self._status: ExecStatus | None = None
        self._renew_at: datetime | None = None

    async def status(self, roots: bytes, *, refused: bool) -> tuple[ExecStatus, float | None]:
        """Return what the plug-in says, and for how many seconds; None for ever.

        Args:
            roots: The cluster's CA certificates.
            refused: Whether the server refuses what it said last.

        Raises:
            UsageError: It gives nothing that can be used.
        """
        if self._status is None or refused or (self._renew_at and self._now() >= self._renew_at):
            cluster = _cluster_info(self._cluster, roots)
            info = exec_info(self._config, cluster, interactive=self._interactive)
            output = await run_plugin(
                self._config, info, environ=self._environ, interactive=self._interactive
            )
            status = read_status(self._config, output)
            self._renew_at = self._due(status)
            self._status = status
        if self._renew_at is None:
            return self._status, None
        return self._status, max(0.0, (self._renew_at - self._now()).total_seconds())

    def _due(self, status: ExecStatus) -> datetime | None:
        ends = [status.expires] if status.expires is not None else []
        if status.key_pair is not None:
            ends.append(_end_of(status.key_pair))
        if not ends:
            return None
        end, now = min(ends), self._now()
        margin = min(_MARGIN_SECONDS, max(0.0, (end - now).total_seconds() / 5))
        return datetime.fromtimestamp(end.timestamp() - margin, now.tzinfo)


def _cluster_info(cluster: Mapping[str, Any], roots: bytes) -> Obj:
    """Return what a plug-in may know of the cluster; what is not set is left out."""
    config = None
    for extension in cluster.get("extensions") or ():
        if isinstance(extension, dict) and extension.get("name") == EXTENSION:
            config = extension.get("extension")
    info: Obj = {
        "server": cluster["server"],
        "tls-server-name": cluster.get("tls-server-name"),
        "insecure-skip-tls-verify": cluster.get("insecure-skip-tls-verify"),
        "certificate-authority-data": base64.b64encode(roots).decode(),
        "proxy-url": cluster.get("proxy-url"),
        "disable-compression": cluster.get("disable-compression"),
        "config": config,
    }
    return {key: value for key, value in info.items() if value or key == "server"}


def _end_of(pair: KeyPair) -> datetime:
    from cryptography import x509  # noqa: PLC0415 - slow to import

    try:
        return x509.load_pem_x509_certificate(pair.chain).not_valid_after_utc
    except ValueError as error:
        raise UsageError("the plug-in's certificate is not PEM") from error
