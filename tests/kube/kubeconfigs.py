"""Kubeconfig files for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from pyload.errors import UsageError
from pyload.kube import kubeconfig

if TYPE_CHECKING:
    from pathlib import Path

SERVER: Final = "http://127.0.0.1:8001"


def a_config(**changes: Any) -> dict[str, Any]:
    """Make a kubeconfig with one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": SERVER}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        **changes,
    }


def write(path: Path, document: object) -> Path:
    """Write a kubeconfig, and return where it is."""
    path.write_text(yaml.safe_dump(document))
    return path


def of(cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> dict[str, Any]:
    """Make a kubeconfig with more fields in its cluster and its user."""
    return a_config(
        clusters=[{"name": "c", "cluster": {"server": "https://10.0.0.1:6443", **(cluster or {})}}],
        users=[{"name": "u", "user": user or {}}],
    )


def refused(path: Path, document: dict[str, Any]) -> str:
    """Return why a kubeconfig is refused."""
    with pytest.raises(UsageError) as caught:
        kubeconfig.load([write(path / "k", document)])
    assert caught.value.fix
    return caught.value.what
