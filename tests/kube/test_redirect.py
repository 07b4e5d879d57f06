"""Servers that point elsewhere."""

from __future__ import annotations

import pytest

from pyload.kube.redirect import Refusal, follow

URL = "https://h:6443/api/v1/pods?limit=1"


@pytest.mark.parametrize(
    ("method", "status", "location", "target"),
    [
        ("GET", 307, "https://h:7443/api/v1/pods?limit=1", "https://h:7443/api/v1/pods?limit=1"),
        ("GET", 301, "/other", "https://h:6443/other"),
        ("GET", 302, "//H/other", "https://H/other"),
        ("POST", 307, "https://h/x", "https://h/x"),
        ("DELETE", 308, "https://h/x", "https://h/x"),
    ],
)
def test_a_redirect_is_followed_as_by_kubectl(
    method: str, status: int, location: str, target: str
) -> None:
    """A cluster behind a gateway that moves requests works with kubectl, and would not here."""
    assert follow(method, URL, status, location, count=0) == target


@pytest.mark.parametrize(
    ("method", "status", "location", "count", "said"),
    [
        ("GET", 307, "https://evil/x?token=hunter2", 0, "https://evil/x, which is another host"),
        ("GET", 307, "http://h:6443/x", 0, "http://h:6443/x, which is not encrypted"),
        ("GET", 307, "https://jo:hunter2@h/x", 0, "https://h/x, which is no address"),
        ("GET", 307, "ftp://h/x", 0, "which is no address"),
        ("GET", 307, "https://h:x/", 0, "which is no address"),
        ("POST", 302, "https://h/x", 0, "redirects a POST to https://h/x with status 302"),
        ("GET", 307, "https://h/x", 10, "it redirects 10 times"),
    ],
)
def test_a_redirect_that_is_not_followed_says_where_it_points(
    method: str, status: int, location: str, count: int, said: str
) -> None:
    """A token would be sent to whom the answer names, or a write become a read."""
    refusal = follow(method, URL, status, location, count=count)

    assert isinstance(refusal, Refusal)
    assert said in refusal.what
    assert "hunter2" not in refusal.what + refusal.fix
    assert refusal.fix
