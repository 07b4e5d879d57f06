"""The real kubectl, on one server and in one namespace."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Runs kubectl.

    Attributes:
        program: Its path.
        folder: Has the kubeconfig, and gets kubectl's cache.
        namespace: Where it looks unless an argument says otherwise.
        environment: Variables of the environment beside those of each run.
    """

    program: str
    folder: Path
    namespace: str = "default"
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str | Path, stdin: str = "") -> str:
        """Run it, expect that it succeeds, and return what it shows, warnings first."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr + done.stdout

    def refused(self, *arguments: str | Path, stdin: str = "") -> str:
        """Run it, expect that it fails, and return its message."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode != 0, done.stdout + done.stderr
        return done.stderr

    def run(self, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.line(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=15,
            env=self.variables(),
            check=False,
        )

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start it, for a command that goes on until it is stopped."""
        return subprocess.Popen(
            self.line(*arguments), stdout=subprocess.PIPE, text=True, env=self.variables()
        )

    def line(self, *arguments: str | Path) -> list[str]:
        """Return the command line."""
        return [self.program, f"--namespace={self.namespace}", *map(str, arguments)]

    def variables(self) -> dict[str, str]:
        """Return the environment, which has nothing of the user's kubeconfig."""
        own = {"HOME": str(self.folder), "KUBECONFIG": str(self.folder / "kubeconfig")}
        return {"PATH": os.environ.get("PATH", ""), **own, **self.environment}

    def within(self, namespace: str) -> Kubectl:
        """Return one that looks in another namespace."""
        return replace(self, namespace=namespace)
