"""Service account tokens: signed, and checked again by token reviews."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
_PREFIX: Final = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims of a valid token.

    Attributes:
        namespace: The service account's namespace.
        name: Its name.
        uid: Its UID.
        audiences: Audiences of the token.
        expires: Seconds since the epoch.
    """

    namespace: str
    name: str
    uid: str
    audiences: tuple[str, ...]
    expires: int

    @property
    def username(self) -> str:
        """The account as Kubernetes names users."""
        return f"{_PREFIX}{self.namespace}:{self.name}"


class Signer:
    """Signs and checks tokens with one key.

    Args:
        key: The secret.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, identity: TokenClaims, *, issued: int, token_id: str) -> str:
        """Return a JSON Web Token."""
        header = {"alg": "HS256", "kid": hashlib.sha256(self._key).hexdigest()[:16]}
        account = {"name": identity.name, "uid": identity.uid}
        claims = {
            "aud": identity.audiences,
            "exp": identity.expires,
            "iat": issued,
            "iss": ISSUER,
            "jti": token_id,
            "kubernetes.io": {"namespace": identity.namespace, "serviceaccount": account},
            "nbf": issued,
            "sub": identity.username,
        }
        text = f"{_encode(orjson.dumps(header))}.{_encode(orjson.dumps(claims))}"
        return f"{text}.{_encode(self._signature(text))}"

    def check(self, token: str, *, now: int, audiences: Sequence[str]) -> TokenClaims:
        """Return the claims of a valid token.

        Args:
            token: The token.
            now: Seconds since the epoch.
            audiences: Accepted audiences; empty for the API server.

        Returns:
            The claims, with only the accepted audiences.

        Raises:
            ValueError: The token is not ours, has expired, or is meant for others.
        """
        text, _, signature = token.rpartition(".")
        if not hmac.compare_digest(_decode(signature), self._signature(text)):
            raise ValueError("invalid bearer token")
        claims: dict[str, Any] = orjson.loads(_decode(text.partition(".")[2]))
        if now >= claims["exp"]:
            raise ValueError("[invalid bearer token, service account token has expired]")
        meant = claims["aud"]
        shared = tuple(audience for audience in meant if audience in (audiences or (ISSUER,)))
        if not shared:
            asked = list(audiences or (ISSUER,))
            raise ValueError(
                f"[invalid bearer token, token audiences {meant} is invalid for the target "
                f"audiences {asked}]"
            )
        private = claims["kubernetes.io"]
        account = private["serviceaccount"]
        return TokenClaims(
            private["namespace"], account["name"], account["uid"], shared, claims["exp"]
        )

    def _signature(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("invalid bearer token") from error
