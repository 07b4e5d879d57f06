"""Requests that are answered and not stored: tokens, and reviews of tokens, users and access."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.access import roles
from pyload.embedded.apiserver.access.token_signer import ISSUER, Signer, TokenClaims
from pyload.embedded.apiserver.access.users import account_user, impersonated
from pyload.embedded.apiserver.deletion import timestamp
from pyload.embedded.apiserver.kinds import (
    LOCAL_ACCESS_REVIEW,
    RULES_REVIEW,
    SELF_ACCESS_REVIEW,
    SELF_REVIEW,
    SERVICE_ACCOUNT,
    TOKEN_REVIEW,
)
from pyload.embedded.apiserver.requests import Reply, Request, Target, json_reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.embedded.apiserver.access.users import User
    from pyload.embedded.apiserver.sources import Sources
    from pyload.embedded.apiserver.store import Store
    from pyload.kube.resources import Obj


_SHORTEST: Final = 600
_LONGEST: Final = 1 << 32


class Reviews:
    """Issues and checks service account tokens.

    Args:
        store: Where the service accounts are.
        sources: Its clock, and the identifiers of tokens.
    """

    def __init__(self, store: Store, sources: Sources) -> None:
        self._store = store
        self._signer = Signer(sources.key)
        self._sources = sources

    def token(self, request: Request, target: Target) -> Reply:
        """Answer a POST of a service account's ``token``.

        Raises:
            Refused: There is no such account, or the lifetime makes no sense.
        """
        account = self._store.need(SERVICE_ACCOUNT, target.namespace, target.name)
        body = request.body if isinstance(request.body, dict) else {}
        spec = body.get("spec") or {}
        lifetime = spec.get("expirationSeconds", 3600)
        if not isinstance(lifetime, int) or not _SHORTEST <= lifetime <= _LONGEST:
            text = "may not specify a duration less than 10 minutes"
            if isinstance(lifetime, int) and lifetime > _LONGEST:
                text = "may not specify a duration larger than 2^32 seconds"
            why = f"spec.expirationSeconds: Invalid value: {lifetime}: {text}"
            raise refusals.invalid_request("TokenRequest.authentication.k8s.io", why)
        now = self._sources.now()
        issued = int(now.timestamp())
        identity = TokenClaims(
            namespace=target.namespace,
            name=target.name,
            uid=account.obj["metadata"]["uid"],
            audiences=tuple(spec.get("audiences") or (ISSUER,)),
            expires=issued + lifetime,
        )
        token = self._signer.sign(identity, issued=issued, token_id=self._sources.new_uid())
        expires = datetime.fromtimestamp(identity.expires, UTC)
        answer = {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": target.name,
                "namespace": target.namespace,
                "creationTimestamp": timestamp(now),
            },
            "spec": {
                **spec,
                "audiences": list(identity.audiences),
                "expirationSeconds": lifetime,
                "boundObjectRef": spec.get("boundObjectRef"),
            },
            "status": {"token": token, "expirationTimestamp": timestamp(expires)},
        }
        return json_reply(201, answer)

    def account_of(self, token: str) -> User | None:
        """Return the service account that a token for this server is of, or None."""
        try:
            identity = self._check(token, ())
        except ValueError:
            return None
        return account_user(identity.namespace, identity.name, identity.uid)

    def review(self, request: Request, target: Target) -> Reply:
        """Answer a POST of a review.

        Raises:
            Refused: The body is not one.
        """
        body = request.body
        if not isinstance(body, dict) or not isinstance(body.get("spec", {}), dict):
            raise refusals.bad_request("the body is not a review")
        spec = body.get("spec", {})
        answer = {
            "kind": target.kind.kind,
            "apiVersion": target.api_version,
            "metadata": body.get("metadata", {}),
            "spec": spec,
            "status": self._result(request.user, spec, target),
        }
        return json_reply(201, answer)

    def _result(self, user: User, spec: Obj, target: Target) -> Obj:
        """Return the status of a review that a user asks for."""
        kind = target.kind
        if kind is TOKEN_REVIEW:
            return self._authenticate(spec)
        if kind is SELF_REVIEW:
            return {"userInfo": user.to_obj()}
        if kind is RULES_REVIEW:
            if not spec.get("namespace"):
                raise refusals.bad_request("no namespace on request")
            return roles.rules_of(self._store, user, spec["namespace"])
        asked = spec.get("resourceAttributes") or {}
        if kind is LOCAL_ACCESS_REVIEW and asked.get("namespace") != target.namespace:
            text = f"spec.resourceAttributes.namespace must match namespace: {target.namespace}"
            raise refusals.bad_request(text)
        if kind is not SELF_ACCESS_REVIEW:
            user = impersonated(str(spec.get("user") or ""), spec.get("groups") or (), "")
        return {"allowed": roles.allows(self._store, user, asked)}

    def _authenticate(self, spec: Obj) -> Obj:
        """Return the status of a TokenReview."""
        try:
            identity = self._check(spec.get("token", ""), spec.get("audiences") or ())
        except ValueError as error:
            return {"user": {}, "error": str(error)}
        return {
            "authenticated": True,
            "user": account_user(identity.namespace, identity.name, identity.uid).to_obj(),
            "audiences": list(identity.audiences),
        }

    def _check(self, token: str, audiences: Sequence[str]) -> TokenClaims:
        """Return the claims of a token of an account that is still there.

        Raises:
            ValueError: It is no such token.
        """
        now = int(self._sources.now().timestamp())
        identity = self._signer.check(token, now=now, audiences=audiences)
        account = self._store.get(SERVICE_ACCOUNT, identity.namespace, identity.name)
        if account is None or account.obj["metadata"]["uid"] != identity.uid:
            raise ValueError("[invalid bearer token, service account not found]")
        return identity
