"""Who is let in where the API server asks for credentials."""

from __future__ import annotations

import pytest

from pyload.embedded.apiserver.access.authentication import ANONYMOUS, Authenticator
from pyload.embedded.apiserver.access.users import EVERYBODY, account_user
from pyload.embedded.apiserver.refusals import Refused

ACCOUNT = account_user("mesh", "app", "1")
AUTHENTICATOR = Authenticator("secret", {"account": ACCOUNT}.get)


@pytest.mark.parametrize("header", ["Bearer secret", "bearer  secret "])
def test_the_token_of_the_kubeconfig_is_mighty(header: str) -> None:
    """Its owner could not use a server of their own."""
    assert AUTHENTICATOR.user("POST", "/api/v1/namespaces", header) == EVERYBODY


def test_a_service_account_is_known_by_its_token() -> None:
    """A controller would be taken for somebody else, or not be let in."""
    assert AUTHENTICATOR.user("GET", "/api/v1/pods", "Bearer account") == ACCOUNT


@pytest.mark.parametrize("path", ["/version", "/healthz", "/livez", "/readyz", "/readyz/ping"])
def test_everybody_may_see_health_and_version(path: str) -> None:
    """Probes of a pod carry no token."""
    assert AUTHENTICATOR.user("GET", path, "") == ANONYMOUS


@pytest.mark.parametrize(
    ("method", "path", "header"),
    [
        ("GET", "/api/v1/namespaces", ""),
        ("GET", "/", ""),
        ("GET", "", ""),
        ("GET", "/versions", ""),
        ("POST", "/version", ""),
        ("GET", "/api/v1/namespaces", "Bearer wrong"),
        ("GET", "/api/v1/namespaces", "Bearer"),
        ("GET", "/api/v1/namespaces", "Bearer sécret"),
        ("GET", "/api/v1/namespaces", "Bearer \udcff"),
        ("GET", "/api/v1/namespaces", "Basic secret"),
        ("GET", "/version", "Bearer wrong"),
    ],
)
def test_nobody_else_is_let_in(method: str, path: str, header: str) -> None:
    """Whoever can reach the port could read every Secret."""
    with pytest.raises(Refused) as caught:
        AUTHENTICATOR.user(method, path, header)
    assert caught.value.to_status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }
