"""What the chosen user and cluster of a kubeconfig show: tokens, certificates, plug-ins.

As for kubectl, what stands in the file itself goes before a file that it names, except that a
``tokenFile`` goes before a ``token``; a name and password or a token go before a plug-in's; and a
certificate that is there goes before a plug-in's.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyload.errors import UsageError
from pyload.key_pair import KeyPair
from pyload.kube.auth_provider import AuthProvider
from pyload.kube.exec_plugin import ExecPlugin
from pyload.kube.exec_protocol import ExecStatus
from pyload.kube.kept_file import REREAD_SECONDS, KeptFile
from pyload.kube.proof import Material, Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.kube.kubeconfig import Selected

_NOTHING = ExecStatus()


class KubeconfigSource:
    """One user and cluster.

    Args:
        selected: The context.
        environ: Environment variables, for a plug-in.
        terminal: Whether a plug-in could ask the user something.
    """

    def __init__(self, selected: Selected, *, environ: Mapping[str, str], terminal: bool) -> None:
        cluster, user = selected.cluster, selected.user
        self._tls = str(cluster["server"]).startswith("https:")
        self._verified = not cluster.get("insecure-skip-tls-verify")
        self._roots = _Datum(cluster, "certificate-authority")
        self._chain = _Datum(user, "client-certificate")
        self._key = _Datum(user, "client-key")
        self._token = _Token(user)
        self._provider = AuthProvider(user) if user.get("auth-provider") else None
        self._plugin = None
        if user.get("exec") and not self._token:
            self._plugin = ExecPlugin(user["exec"], cluster, environ=environ, terminal=terminal)

    async def read(self, *, refused: bool) -> Material:
        """Read the files, and run the plug-in if what it said has ended or was refused.

        Raises:
            UsageError: A file or the plug-in cannot be used.
        """
        token, trust = await asyncio.to_thread(self._read)
        status, plugin_good_for = _NOTHING, None
        if self._plugin is not None:
            status, plugin_good_for = await self._plugin.status(trust.roots, refused=refused)
        good_for = [plugin_good_for] if plugin_good_for is not None else []
        if self._provider is not None and not token:
            token = await self._provider.authorization()
            good_for.append(REREAD_SECONDS)
        if any(one.from_file for one in (self._roots, self._chain, self._key, self._token)):
            good_for.append(REREAD_SECONDS)
        if status.token and not token:
            token = f"Bearer {status.token}"
        if status.key_pair is not None and trust.key_pair is None:
            trust = Trust(trust.roots, status.key_pair, trust.verified)
        return Material(token, trust if self._tls else None, min(good_for, default=None))

    def _read(self) -> tuple[str, Trust]:
        chain, key = self._chain.read(), self._key.read()
        pair = KeyPair(key, chain) if chain and key else None
        return self._token.read(), Trust(self._roots.read(), pair, self._verified)


class _Datum:
    """Bytes that stand in the kubeconfig in base64, or in a file that it names, or nowhere."""

    def __init__(self, section: Mapping[str, Any], key: str) -> None:
        self._bytes = b""
        self._file: KeptFile | None = None
        if text := section.get(f"{key}-data"):
            try:
                self._bytes = base64.b64decode("".join(str(text).split()), validate=True)
            except binascii.Error:
                raise UsageError(f"{key}-data is not base64") from None
        elif path := section.get(key):
            self._file = KeptFile(Path(str(path)))

    @property
    def from_file(self) -> bool:
        return self._file is not None

    def read(self) -> bytes:
        return self._bytes if self._file is None else _content(self._file)


class _Token:
    """The value of the Authorization header, as far as it stands in the kubeconfig."""

    def __init__(self, user: Mapping[str, Any]) -> None:
        self._constant = ""
        if user.get("username") or user.get("password"):
            pair = f"{user.get('username') or ''}:{user.get('password') or ''}"
            self._constant = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif token := str(user.get("token") or "").strip():
            self._constant = f"Bearer {token}"
        path = user.get("tokenFile")
        self._file = KeptFile(Path(str(path))) if path else None

    def __bool__(self) -> bool:
        return bool(self._constant or self._file)

    @property
    def from_file(self) -> bool:
        return self._file is not None

    def read(self) -> str:
        if self._file is None:
            return self._constant
        try:
            token = _content(self._file).decode("latin-1").strip()
        except UsageError:
            if self._constant:
                return self._constant
            raise
        if not token and not self._constant:
            raise UsageError(f"{self._file.path} is empty")
        return f"Bearer {token}" if token else self._constant


def _content(file: KeptFile) -> bytes:
    try:
        return file.read()
    except OSError as error:
        raise UsageError(f"{file.path}: {error.strerror or error}") from error
