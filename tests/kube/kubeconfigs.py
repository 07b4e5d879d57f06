"""Kubeconfig files for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

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
