"""Which API server is meant, whether it answers, and who one is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyload.commands.doctor.findings import NOT_ASKED, Unknown, ok, problem, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.commands.doctor.findings import Finding
    from pyload.errors import PyloadError


@dataclass(frozen=True, slots=True)
class User:
    """Who one is at the API server.

    Attributes:
        name: User name.
        groups: The user's groups.
    """

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServerFacts:
    """What is known of the API server.

    Attributes:
        target: Where the kubeconfig was found, its context, server and user; empty if unusable.
        error: Why there is no connection; None if there is one.
        version: The server's version.
        user: Who one is there.
    """

    target: str = ""
    error: PyloadError | None = None
    version: str | Unknown = NOT_ASKED
    user: User | Unknown = NOT_ASKED


def api_server_findings(facts: ApiServerFacts) -> Iterator[Finding]:
    """Yield what is right and wrong with the API server."""
    if facts.target:
        yield ok("kubeconfig", facts.target)
    if facts.error is not None:
        check = "API server" if facts.target else "kubeconfig"
        yield problem(check, facts.error.what, facts.error.fix, exit_code=facts.error.exit_code)
        return
    if isinstance(facts.version, Unknown):
        yield unknown("API server", f"it answers, but not what it is: {facts.version.why}")
    else:
        yield ok("API server", f"it answers, and is Kubernetes {facts.version}")
    if isinstance(facts.user, Unknown):
        yield unknown("user", f"the server does not say who you are: {facts.user.why}")
    elif facts.user.name == "system:anonymous":
        yield warning(
            "user",
            "the server takes you for system:anonymous",
            "check the user's credentials in the kubeconfig",
        )
    else:
        groups = ", ".join(facts.user.groups)
        yield ok("user", f"you are {facts.user.name}" + (f" of {groups}" if groups else ""))
