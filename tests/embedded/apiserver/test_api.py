"""The server as a whole: with an observer, with faults, over more than one way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pyload.kube.transport import Response

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"


async def test_a_request_body_is_never_changed(api: Api, pod: Any) -> None:
    """The observer compares bodies with recordings after the request."""
    seen: list[Any] = []
    bodies: list[bytes] = []

    def keep(request: Any) -> None:
        seen.append(request.body)
        bodies.append(orjson.dumps(request.body))

    api.server.intercept = keep
    await api("POST", PODS, pod("p", nodeName="n"))
    await api.apply(
        f"{PODS}/p/status", {"kind": "Pod", "status": {"podIP": "1.1.1.1"}}, manager="m"
    )
    service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 1}]}}
    await api("POST", "/api/v1/namespaces/default/services", service)
    await api("POST", "/api/v1/namespaces", {"metadata": {"name": "x"}})

    assert [orjson.dumps(body) for body in seen] == bodies


async def test_requests_can_be_answered_by_the_test(api: Api) -> None:
    """Fault injection: throttling, refusals and broken connections."""
    asked: list[Request] = []

    def throttle(request: Request) -> Response | None:
        asked.append(request)
        return Response(429, b'{"code":429}', 1.5) if request.verb == "create" else None

    api.server.intercept = throttle
    throttled = await api.transport.request("POST", MAPS, body=b'{"metadata":{"name":"c"}}')
    passed = await api.transport.request("GET", MAPS)

    assert (throttled.status, throttled.retry_after, passed.status) == (429, 1.5, 200)
    assert asked[0].body == {"metadata": {"name": "c"}}
    assert api.requests == [("create", MAPS, 429), ("list", MAPS, 200)]


async def test_what_is_there_can_be_counted(api: Api) -> None:
    """Runs report what they left behind."""
    await api("POST", MAPS, {"metadata": {"name": "c"}})

    found = [
        (resource.plural, obj["metadata"]["name"])
        for resource, obj in api.server.objects()
        if resource.kind == "ConfigMap" and obj["metadata"]["namespace"] == "default"
    ]

    assert found == [("configmaps", "c"), ("configmaps", "kube-root-ca.crt")]
    await api.transport.aclose()
