"""Which authentication applies to which address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.errors import UsageError
from pyload.xds.credentials import infer, uses_certificate, uses_tls, uses_token

if TYPE_CHECKING:
    from pyload.xds.credentials import Auth


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
        ("mtls", "localhost:15012", "mtls"),
    ],
)
def test_the_port_decides_unless_the_user_does(auth: str, address: str, expected: str) -> None:
    """A script that names only an address would speak TLS to a plaintext port."""
    assert infer(auth, address) == expected


@pytest.mark.parametrize("auth", ["MTLS", "JWT", "nothing"])
def test_other_modes_are_refused_with_the_choices(auth: str) -> None:
    """The user would get a stack trace (D41)."""
    with pytest.raises(UsageError, match="choose one of plaintext, jwt, plaintext-jwt, mtls"):
        infer(auth, "localhost:15012")


@pytest.mark.parametrize(
    ("auth", "tls", "token", "certificate"),
    [
        ("plaintext", False, False, False),
        ("plaintext-jwt", False, True, False),
        ("jwt", True, True, False),
        ("mtls", True, False, True),
    ],
)
def test_modes_differ_in_tls_token_and_certificate(
    auth: Auth,
    tls: bool,  # noqa: FBT001 - a parameter of the test
    token: bool,  # noqa: FBT001 - as above
    certificate: bool,  # noqa: FBT001 - as above
) -> None:
    """A token would be sent where none is wanted, or the other way round."""
    assert (uses_tls(auth), uses_token(auth), uses_certificate(auth)) == (tls, token, certificate)


@pytest.mark.parametrize(
    ("auth", "address"), [("google", "localhost:15012"), ("", "meshconfig.googleapis.com:443")]
)
def test_googles_authentication_is_refused_with_a_sentence(auth: str, address: str) -> None:
    """pilot-load had it until 2023; a token of the cluster must not go to another's server."""
    with pytest.raises(UsageError, match="Google's authentication"):
        infer(auth, address)
