"""Which API server a run is for, and as whom, before anything is sent to it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import UsageError
from pyload.kube import kubeconfig as kubeconfigs
from pyload.kube.impersonation import Impersonation
from pyload.kube.pod_source import SERVICE_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Identity:
    """Which context to use, and as whom; by default what the kubeconfig says.

    Attributes:
        context: Name of a context.
        user: The user to impersonate.
        groups: The groups to impersonate.
    """

    context: str = ""
    user: str = ""
    groups: Sequence[str] = ()

    def impersonated(self, account: Mapping[str, Any]) -> Impersonation:
        """Return whom to impersonate.

        Args:
            account: The user's section of the kubeconfig.

        Raises:
            UsageError: There are groups, but no user.
        """
        own = Impersonation.of(account)
        both = replace(own, user=self.user or own.user, groups=tuple(self.groups) or own.groups)
        if both.groups and not both.user:
            raise UsageError("--as-group needs a user to impersonate", fix="add --as USER")
        return both


OWN_IDENTITY: Final = Identity()


def locate(
    kubeconfig: str | None, *, environ: Mapping[str, str], identity: Identity = OWN_IDENTITY
) -> kubeconfigs.Selected | None:
    """Find the kubeconfig's context to use; None where there is none, as in a pod.

    The order is: `kubeconfig`, the files in ``KUBECONFIG``, ``$HOME/.kube/config``, and where
    none of these exists, the pod that this process runs in.

    Args:
        kubeconfig: Path of a file, or None.
        environ: Environment variables.
        identity: Which context to use.

    Raises:
        UsageError: The kubeconfig cannot be used.
    """
    there = [path for path in candidates(kubeconfig, environ) if _exists(path)]
    in_pod = bool(environ.get("KUBERNETES_SERVICE_HOST"))
    if kubeconfig and not there and not in_pod:
        raise UsageError(
            f"kubeconfig {kubeconfig} does not exist",
            fix="name one that does with --kubeconfig",
        )
    if there:
        return kubeconfigs.load(there, identity.context)
    if identity.context:
        raise UsageError(
            f"there is no kubeconfig with --context {identity.context}",
            fix="name one with --kubeconfig",
        )
    return None


def description(selected: kubeconfigs.Selected | None, identity: Identity = OWN_IDENTITY) -> str:
    """Return the context, the server and the user, for the log."""
    text, account = "the API server of this pod, as its service account", dict[str, Any]()
    if selected is not None:
        server, who = selected.cluster["server"], selected.account or "nobody"
        text, account = (
            f"context {selected.context}, server {server}, user {who}",
            {**selected.user},
        )
    impersonation = identity.impersonated(account)
    return f"{text}, impersonating {impersonation}" if impersonation.user else text


def own_namespace(selected: kubeconfigs.Selected | None, folder: Path = SERVICE_ACCOUNT) -> str:
    """Return the namespace in which kubectl would look; empty if nothing names one.

    Args:
        selected: The context; None for that of this pod.
        folder: Folder of the pod's credentials.
    """
    if selected is not None:
        return selected.namespace
    try:
        return (folder / "namespace").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def candidates(kubeconfig: str | None, environ: Mapping[str, str]) -> Sequence[Path]:
    """Return the files that may be there, in the order of `locate`."""
    if kubeconfig:
        return [Path(os.path.expanduser(kubeconfig))]  # noqa: PTH111 - Path's can raise
    if listed := environ.get("KUBECONFIG"):
        parts = filter(None, listed.split(os.pathsep))
        return [Path(os.path.expanduser(part)) for part in parts]  # noqa: PTH111 - likewise
    return [Path(environ.get("HOME") or "/", ".kube", "config")]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # Out of sight is not absent: reading it says why.
        return True
