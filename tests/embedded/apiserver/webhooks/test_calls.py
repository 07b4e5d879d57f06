"""Requests that pass through webhooks over HTTPS."""

from __future__ import annotations

import base64
import contextlib
import ssl
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trustme
from aiohttp import web

from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.apiserver.kinds import CONFIG_MAP
from tests.embedded.apiserver.conftest import Api
from tests.embedded.apiserver.webhooks.test_configurations import configuration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = [pytest.mark.anyio, pytest.mark.socket]

REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
ALL = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}

Answer = dict[str, Any]


class Hook:
    """A webhook server, with what its configuration needs to say about it."""

    def __init__(self, url: str, bundle: str) -> None:
        self.client = {"url": url, "caBundle": bundle}
        self.requests: list[Any] = []


@contextlib.asynccontextmanager
async def hook(answer: Callable[[Any], Answer]) -> AsyncIterator[Hook]:
    """Serve a webhook that answers as a function of the review's request does."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    async def handle(request: web.Request) -> web.Response:
        asked = orjson.loads(await request.read())["request"]
        served.requests.append(asked)
        response = {"uid": asked["uid"], "allowed": True, **answer(asked)}
        return web.json_response({"kind": "AdmissionReview", "response": response})

    app = web.Application()
    app.router.add_post("/hook", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    port = runner.addresses[0][1]
    bundle = base64.b64encode(authority.cert_pem.bytes()).decode()
    served = Hook(f"https://localhost:{port}/hook", bundle)
    try:
        yield served
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Api]:
    """Serve an API server, which closes its connections to webhooks at its end."""
    server = ApiServer()
    async with server.serve():
        yield Api(server)


def adding(label: str) -> Callable[[Any], Answer]:
    """Return answers that set a label."""

    def answer(asked: Any) -> Answer:
        labels = asked["object"]["metadata"].get("labels") or {}
        value = {**labels, label: str(len(labels))}
        operations = [{"op": "add", "path": "/metadata/labels", "value": value}]
        patch = base64.b64encode(orjson.dumps(operations)).decode()
        return {"patch": patch, "patchType": "JSONPatch", "warnings": [f"set {label}"]}

    return answer


def validating(**more: Any) -> dict[str, Any]:
    """Return a configuration of a validating webhook for everything."""
    return {**configuration(rule=ALL, **more), "kind": "ValidatingWebhookConfiguration"}


async def test_mutating_webhooks_change_new_pods_in_turn(pod: Any) -> None:
    """A pod gets its sidecar; each webhook sees what those before it did, and no name yet."""
    async with serving() as api, hook(adding("one")) as first, hook(adding("two")) as second:
        path = f"{REGISTRATION}/mutatingwebhookconfigurations"
        for name, one in (("b", second), ("a", first)):
            code, _ = await api("POST", path, configuration(name, clientConfig=one.client))
            assert code == 201
        body = pod("")
        body["metadata"] = {"generateName": "p-"}
        response = await api.transport.request("POST", PODS, body=orjson.dumps(body))
        created = orjson.loads(response.body)
        _, again = await api("POST", PODS, body, dryRun="All")

    assert created["metadata"]["labels"] == {"one": "0", "two": "1"}
    assert created["metadata"]["name"].startswith("p-")
    assert created["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    assert getattr(response, "warnings", ()) == ("set one", "set two")
    assert "name" not in first.requests[0]["object"]["metadata"]
    assert [one["dryRun"] for one in first.requests] == [False, True]
    assert again["metadata"]["labels"] == created["metadata"]["labels"]


async def test_validating_webhooks_refuse_each_kind_of_write() -> None:
    """Istio's validation refuses a wrong object, and lets a dying one go."""

    def deny(asked: Any) -> Answer:
        wrong = (asked["object"] or asked["oldObject"]).get("data") == {"bad": "1"}
        if asked["operation"] == "DELETE":
            wrong = not wrong
        return {"allowed": not wrong, "status": {"message": asked["operation"], "code": 403}}

    async with serving() as api, hook(deny) as served:
        path = f"{REGISTRATION}/validatingwebhookconfigurations"
        await api("POST", path, validating(clientConfig=served.client))
        bad, good = {"data": {"bad": "1"}}, {"data": {"bad": "0"}}
        merge = "application/merge-patch+json"
        answers = [
            await api("POST", MAPS, {"metadata": {"name": "m"}, **bad}),
            await api("POST", MAPS, {"metadata": {"name": "m"}, **good}),
            await api("PATCH", f"{MAPS}/m", bad, merge),
            await api("PUT", f"{MAPS}/m", {"metadata": {"name": "m"}, **bad}),
            await api.apply(f"{MAPS}/m", bad, manager="me", force="true"),
            await api("DELETE", f"{MAPS}/m"),
            await api("GET", f"{MAPS}/m"),
        ]

    assert [code for code, _ in answers] == [403, 201, 403, 403, 403, 403, 200]
    assert answers[0][1]["message"] == (
        'admission webhook "hook.example.com" denied the request: CREATE'
    )
    assert answers[-1][1]["data"] == {"bad": "0"}


async def test_webhooks_are_asked_again_about_an_object_that_changed_meanwhile() -> None:
    """A patch that waits for a webhook must not undo what others wrote in the meantime."""
    async with serving() as api:
        seen: list[str] = []

        def race(asked: Any) -> Answer:
            seen.append(asked["oldObject"]["metadata"]["resourceVersion"])
            if len(seen) == 1:
                entry = api.server.store.need(CONFIG_MAP, "default", "m")
                changed = {**entry.obj, "data": {"other": "1"}}
                api.server.store.update(
                    CONFIG_MAP, {**changed, "metadata": dict(entry.obj["metadata"])}
                )
            return {}

        await api("POST", MAPS, {"metadata": {"name": "m"}})
        async with hook(race) as served:
            path = f"{REGISTRATION}/validatingwebhookconfigurations"
            given = validating(clientConfig=served.client)
            given["webhooks"][0]["rules"][0]["operations"] = ["UPDATE"]
            await api("POST", path, given)
            merge = "application/merge-patch+json"
            code, after = await api("PATCH", f"{MAPS}/m", {"data": {"mine": "1"}}, merge)

    assert (code, after["data"]) == (200, {"other": "1", "mine": "1"})
    assert len(seen) == 2


async def test_the_failure_policy_decides_about_webhooks_that_fail() -> None:
    """Without istiod, its injector lets no pod of the mesh through; validation may be lenient."""
    async with serving() as api:
        path = f"{REGISTRATION}/validatingwebhookconfigurations"
        nowhere = {"url": "https://127.0.0.1:1/hook"}
        maps = {"metadata": {"name": "m"}}
        await api("POST", path, validating(clientConfig=nowhere))
        refused, status = await api("POST", MAPS, maps)
        await api("DELETE", f"{path}/c")
        await api("POST", path, validating(clientConfig=nowhere, failurePolicy="Ignore"))
        accepted, _ = await api("POST", MAPS, maps)

    assert (refused, accepted) == (500, 201)
    assert status["reason"] == "InternalError"
    assert status["message"] == (
        'Internal error occurred: failed calling webhook "hook.example.com": failed to call '
        'webhook: Post "https://127.0.0.1:1/hook?timeout=10s": dial tcp 127.0.0.1:1: connect: '
        "connection refused"
    )


async def test_certificates_of_strangers_are_refused() -> None:
    """The caBundle is what istiod patches into its configurations; another one does not do."""
    async with serving() as api, hook(lambda _: {}) as one, hook(lambda _: {}) as other:
        path = f"{REGISTRATION}/validatingwebhookconfigurations"
        wrong = {**one.client, "caBundle": other.client["caBundle"]}
        await api("POST", path, validating(clientConfig=wrong))
        code, status = await api("POST", MAPS, {"metadata": {"name": "m"}})

    assert code == 500
    assert "tls: failed to verify certificate" in status["message"]
    assert one.requests == []
