"""Service account tokens for proxies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pyload.errors import ApiError, NotFound, PyloadError
from pyload.kube.resources import SERVICE_ACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj

AUDIENCE: Final = "istio-ca"
LIFE_SECONDS: Final = 604_800
_MARGIN: Final = timedelta(minutes=1)
_WORN: Final = 0.8
"""Share of a token's life after which a new one is fetched."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    worn: datetime
    dead: datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Tokens:
    """Fetches tokens, one per service account, and keeps them while they live.

    However many proxies ask at once, an account costs one request.

    Args:
        client: The API server.
        now: Gives the time in UTC.
    """

    def __init__(self, client: Client, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._client = client
        self._now = now
        self._tokens: dict[tuple[str, str], _Token] = {}
        self._fetches: dict[tuple[str, str], asyncio.Future[str]] = {}

    async def get(self, namespace: str, service_account: str) -> str:
        """Give a token that lives for at least another minute.

        Raises:
            NotFound: There is no such service account.
            ApiError: The server refused.
            ClusterUnreachable: There was no answer.
        """
        key = namespace, service_account
        while True:
            token = self._tokens.get(key)
            if token is not None and self._now() < token.worn:
                return token.text
            fetch = self._fetches.get(key)
            if fetch is None:
                return await self._lead(key)
            await asyncio.wait([fetch])
            # Cancelled means that whoever led was: somebody else has to.
            if not fetch.cancelled():
                return fetch.result()

    async def _lead(self, key: tuple[str, str]) -> str:
        """Fetch a token on behalf of everyone who waits for it."""
        fetch: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._fetches[key] = fetch
        try:
            text = await self._renewed(key)
        except PyloadError as error:
            fetch.set_exception(error)
            # Nobody may be waiting, and then nobody would read it.
            fetch.exception()
            raise
        else:
            fetch.set_result(text)
            return text
        finally:
            del self._fetches[key]
            fetch.cancel()

    async def _renewed(self, key: tuple[str, str]) -> str:
        old = self._tokens.get(key)
        try:
            token = await self._fetch(*key)
        except PyloadError:
            if old is not None and self._now() < old.dead:
                return old.text
            self._tokens.pop(key, None)
            raise
        self._tokens[key] = token
        return token.text

    async def _fetch(self, namespace: str, service_account: str) -> _Token:
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
            worn = begun + (expires - begun) * _WORN
        except (KeyError, TypeError, ValueError) as error:
            raise ApiError(
                status=201, reason="", message="the answer holds no token", verb="POST", path=path
            ) from error
        dead = expires - _MARGIN
        return _Token(str(text), worn=min(worn, dead), dead=dead)
