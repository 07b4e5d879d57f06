"""An API server in memory, and a short way to talk to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pyload.embedded.apiserver.api import ApiServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.kube.resources import Obj


class Api:
    """Sends JSON to an API server and reads JSON back.

    Args:
        server: The server; by default a new one that is observed.

    Attributes:
        server: The server.
        requests: What its observer saw: verb, path and code.
    """

    def __init__(self, server: ApiServer | None = None) -> None:
        self.requests: list[tuple[str, str, int]] = []
        self.server = server or ApiServer(
            observer=lambda request, code: self.requests.append((request.verb, request.path, code))
        )
        self.transport = self.server.transport()

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
        **query: str,
    ) -> tuple[int, Any]:
        """Send a request, and return the code and the decoded answer."""
        response = await self.transport.request(
            method,
            path,
            query=query,
            body=None if body is None else orjson.dumps(body),
            content_type=content_type,
        )
        return response.status, orjson.loads(response.body)

    async def apply(self, path: str, body: Obj, *, manager: str, **query: str) -> tuple[int, Any]:
        """Send a server-side apply."""
        content_type = "application/apply-patch+yaml"
        return await self("PATCH", path, body, content_type, fieldManager=manager, **query)

    async def watch(self, path: str, seconds: int = 1, **query: str) -> list[tuple[str, Obj]]:
        """Watch for some seconds, and return the events."""
        asked = {"watch": "true", "timeoutSeconds": str(seconds), **query}
        events: list[tuple[str, Obj]] = []
        async with self.transport.stream(path, query=asked) as stream:
            async for line in stream.lines():
                event = orjson.loads(line)
                events.append((event["type"], event["object"]))
        return events


@pytest.fixture
def api() -> Api:
    """A fresh API server."""
    return Api()


@pytest.fixture
def pod() -> Callable[..., Obj]:
    """Build the body of a pod."""

    def build(name: str, labels: Obj | None = None, **spec: Any) -> Obj:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, **({"labels": labels} if labels else {})},
            "spec": {"containers": [{"name": "app", "image": "fake"}], **spec},
        }

    return build
