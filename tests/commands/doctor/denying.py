"""An API server that denies some rights to its only user."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from pyload.kube.resources import SELF_ACCESS_REVIEWS, locate
from tests.kube.peers import Lines, answer, status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from pyload.kube.transport import LineStream, Response, Transport

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Denying:
    """A transport in front of a server.

    Args:
        transport: Of the server.
        denied: Pairs of verb and resource with its subresource, such as ``("get", "pods/proxy")``.
    """

    def __init__(self, transport: Transport, *denied: tuple[str, str]) -> None:
        self._transport = transport
        self._denied = {*denied}

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Answer access reviews, and refuse what is denied."""
        if path == SELF_ACCESS_REVIEWS.path():
            asked = json.loads(body or b"")["spec"]["resourceAttributes"]
            name = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
            allowed = (asked["verb"], name) not in self._denied
            return answer(201, {"kind": "X", "status": {"allowed": allowed}})
        if self._denies(method, path):
            return answer(403, status(403, "Forbidden", "no"))
        return await self._transport.request(
            method, path, query=query, body=body, content_type=content_type
        )

    @contextlib.asynccontextmanager
    async def stream(self, path: str, *, query: Mapping[str, str]) -> AsyncIterator[LineStream]:
        """Refuse what is denied."""
        if self._denies("GET", path):
            yield Lines(403, [json.dumps(status(403, "Forbidden", "no")).encode()])
            return
        async with self._transport.stream(path, query=query) as stream:
            yield stream

    async def aclose(self) -> None:
        """Close the server's transport."""
        await self._transport.aclose()

    def _denies(self, method: str, path: str) -> bool:
        where = locate(path)
        if where is None:
            return False
        name = "/".join(filter(None, (where.plural, where.subresource)))
        verb = VERBS.get(method) or ("get" if where.name else "list")
        return (verb, name) in self._denied
