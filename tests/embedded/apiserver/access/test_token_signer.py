"""Service account tokens, signed and checked."""

from __future__ import annotations

import base64

import orjson
import pytest

from pyload.embedded.apiserver.access.token_signer import ISSUER, Signer, TokenClaims

pytestmark = pytest.mark.virtual

IDENTITY = TokenClaims("n", "sa", "u-1", ("istio-ca",), 1000)


def test_a_token_tells_who_it_is_for() -> None:
    """The control plane reads namespace and account out of the token."""
    token = Signer(b"key").sign(IDENTITY, issued=10, token_id="t")

    payload = token.split(".")[1]
    claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["sub"] == "system:serviceaccount:n:sa"
    assert (claims["aud"], claims["exp"], claims["iss"]) == (["istio-ca"], 1000, ISSUER)
    assert Signer(b"key").check(token, now=999, audiences=("istio-ca", "x")) == IDENTITY


@pytest.mark.parametrize(
    ("key", "now", "audiences"),
    [(b"other", 10, ("istio-ca",)), (b"key", 1000, ("istio-ca",)), (b"key", 10, ())],
)
def test_wrong_tokens_are_refused(key: bytes, now: int, audiences: tuple[str, ...]) -> None:
    """A foreign, expired or misdirected token must not authenticate."""
    token = Signer(b"key").sign(IDENTITY, issued=10, token_id="t")

    with pytest.raises(ValueError, match="invalid"):
        Signer(key).check(token, now=now, audiences=audiences)


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "a.b.!", "ä.b.c"])
def test_what_is_no_token_is_refused(token: str) -> None:
    """Junk in an Authorization header must not crash the review."""
    with pytest.raises(ValueError, match="invalid bearer token"):
        Signer(b"key").check(token, now=0, audiences=())
