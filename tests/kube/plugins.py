"""Executables as exec plug-ins, for tests."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pyload.kube.exec_protocol import ExecConfig, parse_exec

if TYPE_CHECKING:
    from pathlib import Path

V1 = "client.authentication.k8s.io/v1"
CREDENTIAL = (
    "import json\n"
    "def answer(**status):\n"
    f"    print(json.dumps({{'kind': 'ExecCredential', 'apiVersion': '{V1}', 'status': status}}))\n"
)


def a_plugin(folder: Path, code: str, name: str = "log-in") -> Path:
    """Write an executable that runs some Python; ``answer`` prints a credential."""
    path = folder / name
    path.write_text(f"#!{sys.executable} -S\n{CREDENTIAL}{code}\n")
    path.chmod(0o755)
    return path


def section(path: Path | str, **changes: Any) -> dict[str, Any]:
    """Return the section of a user that names it."""
    return {"apiVersion": V1, "command": str(path), "interactiveMode": "Never", **changes}


def a_config(path: Path | str, **changes: Any) -> ExecConfig:
    """Return the same as it is read."""
    return parse_exec(section(path, **changes))
