"""The credentials that Kubernetes puts into a pod, and the address of its API server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyload.errors import ClusterUnreachable
from pyload.kube.kept_file import REREAD_SECONDS, KeptFile
from pyload.kube.proof import Material, Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Folder in which Kubernetes puts a pod's credentials."""


class PodSource:
    """The service account of the pod that this process runs in.

    Its token is replaced every hour or so, and its CA when the cluster's is rotated.

    Args:
        folder: Folder of the credentials.
    """

    def __init__(self, folder: Path) -> None:
        self._token = KeptFile(folder / "token")
        self._roots = KeptFile(folder / "ca.crt")

    async def read(self, *, refused: bool) -> Material:  # noqa: ARG002 - files are read anyway
        """Return what is in the files now.

        Raises:
            ClusterUnreachable: There are none.
        """
        return await asyncio.to_thread(self._read)

    def _read(self) -> Material:
        token = _content(self._token).decode("latin-1").strip()
        roots = _content(self._roots)
        return Material(f"Bearer {token}", Trust(roots), REREAD_SECONDS)


def server_of(environ: Mapping[str, str]) -> str:
    """Return the URL of the API server of this pod; empty outside of a pod."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        return ""
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _content(file: KeptFile) -> bytes:
    try:
        content = file.read()
    except OSError as error:
        raise ClusterUnreachable(f"{file.path}: {error.strerror or error}") from error
    if not content:
        raise ClusterUnreachable(f"{file.path} is empty")
    return content
