"""A network that is as a pod has it: its own, with Istio's redirections, and no way out.

A network namespace belongs to a thread and to the processes that it starts. One thread is kept in
the namespace, and runs all that opens sockets there. Every address of 10.0.0.0/8 is local to it, so
that the workloads of a mesh can listen on the addresses of their pods. What Envoy binds to all
addresses cannot be reached from outside.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from tests.e2e.needs import lack, program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_P = ParamSpec("_P")
_T = TypeVar("_T")

ENVOY_GROUP: Final = 1337
"""The group that Istio's redirections let through."""

_CLONE_NEWNET: Final = 0x40000000
_LOOPBACK: Final = """
link set lo up
route add local 10.0.0.0/8 dev lo
"""


class PodNetwork:
    """A network namespace, which is gone when it is closed and all its processes have ended."""

    def __init__(self) -> None:
        self._iptables = program("iptables", source="Debian's package iptables")
        ip = program("ip", source="Debian's package iproute2")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pod")
        if error := self.run(_leave_for_own_network):
            self.close()
            lack("netns", f"root on Linux, which may make network namespaces ({error})")
        try:
            self.run(subprocess.run, [ip, "-batch", "-"], input=_LOOPBACK.encode(), check=True)
            self.redirect("10.0.0.1")
        except subprocess.CalledProcessError as error:
            self.close()
            lack("redirections", f"a kernel that lets root redirect connections ({error})")

    def run(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call a function within the network; sockets that it opens stay there."""
        return self._thread.submit(call, *args, **kwargs).result()

    def start(self, *command: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        """Start a process within the network."""
        arguments = [*map(str, command)]
        return self.run(lambda: subprocess.Popen(arguments, **options))

    def redirect(self, pod: str) -> None:
        """Redirect connections to and from a pod to its sidecar, as Istio's init container does.

        What comes to the pod comes from the same network here, so that is redirected on its way
        out, too.
        """
        self._rules(
            f"-A OUTPUT -m owner --gid-owner {ENVOY_GROUP} -j RETURN",
            f"-A OUTPUT -p tcp -d {pod} -j REDIRECT --to-ports 15006",
            "-A OUTPUT -p tcp -d 10.0.0.0/8 -j REDIRECT --to-ports 15001",
        )

    def redirect_nothing(self) -> None:
        """Let all connections go where they are meant to."""
        self._rules()

    def _rules(self, *rules: str) -> None:
        table = "\n".join(("*nat", *rules, "COMMIT", ""))
        command = f"{self._iptables}-restore"
        self.run(subprocess.run, [command], input=table.encode(), check=True)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()


def _leave_for_own_network() -> str:
    """Move this thread to a network of its own; return why that cannot be."""
    if sys.platform != "linux":
        return sys.platform
    # Python has `os.unshare` since 3.12 only.
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        return os.strerror(ctypes.get_errno())
    return ""
