"""Which authentication applies to which address."""

from __future__ import annotations

import pytest

from pyload.errors import UsageError
from pyload.xds.credentials import infer, uses_tls, uses_token


@pytest.mark.parametrize(
    ("auth", "address", "expected"),
    [
        ("", "localhost:15010", "plaintext"),
        ("", "[::1]:15010", "plaintext"),
        ("", "istiod.istio-system.svc:15012", "jwt"),
        ("", "istiod", "jwt"),
        ("", "15010", "jwt"),
        ("", "", "jwt"),
        ("plaintext", "localhost:15012", "plaintext"),
        ("jwt", "localhost:15010", "jwt"),
        ("plaintext-jwt", "localhost:15012", "plaintext-jwt"),
    ],
)
def test_the_port_decides_unless_the_user_does(auth: str, address: str, expected: str) -> None:
    """A script that names only an address would speak TLS to a plaintext port."""
    assert infer(auth, address) == expected


@pytest.mark.parametrize("auth", ["mtls", "JWT", "nothing"])
def test_other_modes_are_refused_with_the_choices(auth: str) -> None:
    """The user would get a stack trace (D41)."""
    with pytest.raises(UsageError, match="choose one of plaintext, jwt, plaintext-jwt"):
        infer(auth, "localhost:15012")


def test_modes_differ_in_tls_and_token() -> None:
    """A token would be sent where none is wanted, or the other way round."""
    assert [(uses_tls(mode), uses_token(mode)) for mode in ("plaintext", "jwt")] == [
        (False, False),
        (True, True),
    ]
    assert (uses_tls("plaintext-jwt"), uses_token("plaintext-jwt")) == (False, True)
