"""Service account tokens for proxies."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from pyload.errors import ApiError, NotFound
from pyload.kube.resources import SERVICE_ACCOUNTS
from pyload.refresh import Expiring, RefreshingCache, utc_now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj

AUDIENCE: Final = "istio-ca"
LIFE_SECONDS: Final = 604_800


class Tokens:
    """Fetches tokens, one per service account, and caches them.

    Proxies that ask for the same account at the same time share one request.

    Args:
        client: The API server.
        now: Returns the time in UTC.
    """

    def __init__(self, client: Client, *, now: Callable[[], datetime] = utc_now) -> None:
        self._client = client
        self._now = now
        self._cache = RefreshingCache(self._fetch, now=now)

    def __call__(self, namespace: str, service_account: str) -> str | Awaitable[str]:
        """Return a token at once if a good one is cached, else an awaitable of it; see `get`."""
        return self.peek(namespace, service_account) or self.get(namespace, service_account)

    def peek(self, namespace: str, service_account: str) -> str | None:
        """Return the cached token if it is good for long; None otherwise."""
        return self._cache.peek((namespace, service_account))

    async def get(self, namespace: str, service_account: str) -> str:
        """Return a token that lives for at least another minute.

        Raises:
            NotFound: There is no such service account.
            ApiError: The server refused.
            ClusterUnreachable: There was no answer.
        """
        return await self._cache.get((namespace, service_account))

    async def _fetch(self, key: tuple[str, str]) -> Expiring[str]:
        namespace, service_account = key
        path = SERVICE_ACCOUNTS.path(namespace, service_account, "token")
        request: Obj = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [AUDIENCE],
                "expirationSeconds": LIFE_SECONDS,
                "boundObjectRef": None,
            },
        }
        begun = self._now()
        try:
            answer = await self._client.create(path, request)
        except NotFound as error:
            error.fix = f"create the service account {namespace}/{service_account} first"
            raise
        try:
            status = answer["status"]
            text, expires = status["token"], datetime.fromisoformat(status["expirationTimestamp"])
            return Expiring.of(str(text), begun=begun, expires=expires)
        except (KeyError, TypeError, ValueError) as error:
            raise ApiError(
                status=201, reason="", message="the answer holds no token", verb="POST", path=path
            ) from error
