"""Requests of a recorded run, made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.conftest import Api


async def repeat(api: Api, recorded: Obj) -> int:
    """Send a recorded request with what differs from run to run left out or looked up."""
    verb, path = recorded["verb"], recorded["path"]
    query = {name: value for name, value in recorded.get("query", {}).items() if value != "*"}
    body: Obj = recorded.get("body") or {}
    if verb == "watch":
        async with api.transport.stream(path, query=query) as stream:
            return stream.status
    if "metadata" in body:
        body = {**body, "metadata": dict(body["metadata"])}
        body["metadata"].pop("uid", None)
        if body["metadata"].pop("resourceVersion", None):
            _, current = await api("GET", path.removesuffix("/status").removesuffix("/finalize"))
            body["metadata"]["resourceVersion"] = current["metadata"].get("resourceVersion", "")
    if verb == "patch":
        code, _ = await api.apply(path, body, manager=query.pop("fieldManager"), **query)
        return code
    methods = {"create": "POST", "update": "PUT", "delete": "DELETE"}
    code, _ = await api(methods.get(verb, "GET"), path, body or None, **query)
    return code
