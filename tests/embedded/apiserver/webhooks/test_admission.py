"""When a request has to wait for webhooks, and when it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.apiserver.kinds import POD
from pyload.embedded.apiserver.requests import Reply, read_request
from pyload.embedded.apiserver.webhooks.admission import Decision, Question
from tests.embedded.apiserver.webhooks.test_configurations import CONFIGURATIONS, configuration

if TYPE_CHECKING:
    from pyload.embedded.apiserver.handler import Answer
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

PODS = "/api/v1/namespaces/default/pods"
EVERY_DELETION = {"operations": ["DELETE"]}


def handled(
    api: Api, method: str, path: str, body: Any = None, decisions: tuple[Decision, ...] = ()
) -> Answer:
    """Handle a request without asking anybody."""
    handler = api.server._handler
    request = read_request(method, path, {}, None, kinds=api.server.kinds)
    request = replace(request, body=body, decisions=decisions)
    return handler.handle(request, request.target)


async def test_nobody_is_asked_without_webhooks(api: Api, pod: Any) -> None:
    """Ten thousand pods are created at the speed of a server without webhooks."""
    assert isinstance(handled(api, "POST", PODS, pod("p")), Reply)


async def test_configurations_ask_nobody(api: Api) -> None:
    """A webhook for everything that is down could otherwise never be removed."""
    everything = {"operations": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    await api("POST", CONFIGURATIONS, configuration(rule=everything))

    assert isinstance(handled(api, "DELETE", f"{CONFIGURATIONS}/c"), Reply)


@pytest.mark.parametrize(("label", "asked"), [("enabled", True), ("disabled", False)])
async def test_labels_of_the_namespace_decide(
    api: Api, pod: Any, label: str, *, asked: bool
) -> None:
    """Pods outside of the mesh are created while its istiod is down."""
    selector = {"matchLabels": {"istio-injection": "enabled"}}
    await api("POST", CONFIGURATIONS, configuration(namespaceSelector=selector))
    patch = {"metadata": {"labels": {"istio-injection": label}}}
    merge = "application/merge-patch+json"
    await api("PATCH", "/api/v1/namespaces/default", patch, merge)

    answer = handled(api, "POST", PODS, pod("p"))

    assert isinstance(answer, Question) is asked


async def test_decisions_end_the_waiting(api: Api, pod: Any) -> None:
    """The object that is stored is the webhooks', with its defaults."""
    await api("POST", CONFIGURATIONS, configuration())
    question = handled(api, "POST", PODS, pod("p"))
    assert isinstance(question, Question)
    assert question.obj is not None
    spec = question.obj["spec"]
    injected = {**spec, "containers": [*spec["containers"], {"name": "proxy", "image": "i:1"}]}

    decision = Decision(question.key, 0, {**question.obj, "spec": injected})
    answer = handled(api, "POST", PODS, pod("p"), (decision,))

    assert isinstance(answer, Reply)
    stored = api.server.store.need(POD, "default", "p").obj
    assert stored["spec"]["containers"][1]["imagePullPolicy"] == "IfNotPresent"


async def test_decisions_about_another_revision_do_not_count(api: Api, pod: Any) -> None:
    """What others wrote meanwhile would be lost."""
    await api("POST", PODS, pod("p"))
    await api("POST", CONFIGURATIONS, configuration(rule={"operations": ["UPDATE"]}))
    question = handled(api, "PUT", f"{PODS}/p", pod("p", {"a": "b"}))
    assert isinstance(question, Question)
    stale = Decision(question.key, question.revision - 1, question.obj)
    fresh = Decision(question.key, question.revision, question.obj)

    again = handled(api, "PUT", f"{PODS}/p", pod("p", {"a": "b"}), (stale,))
    done = handled(api, "PUT", f"{PODS}/p", pod("p", {"a": "b"}), (stale, fresh))

    assert isinstance(again, Question)
    assert isinstance(done, Reply)


async def test_each_object_of_a_collection_is_asked_about(api: Api, pod: Any) -> None:
    """One decision is not one about all of them."""
    for name in ("a", "b"):
        await api("POST", PODS, pod(name))
    await api("POST", CONFIGURATIONS, configuration(rule=EVERY_DELETION))
    decisions: tuple[Decision, ...] = ()
    answer = handled(api, "DELETE", PODS)
    while isinstance(answer, Question):
        decisions = (*decisions, Decision(answer.key, answer.revision, None))
        answer = handled(api, "DELETE", PODS, decisions=decisions)

    assert [one.key[1] for one in decisions] == ["a", "b"]
    assert not api.server.store.entries(POD)
