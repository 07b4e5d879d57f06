"""What webhooks are sent, and what their answers mean."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from pyload.embedded.apiserver.access.users import User
from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.webhooks.admission import Question
from pyload.embedded.apiserver.webhooks.review import (
    Verdict,
    WebhookError,
    patched,
    read_verdict,
    review,
)
from tests.embedded.apiserver.webhooks.test_configurations import target, webhook

POD = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p", "namespace": "default"}}
HOOK = webhook()


def question(**more: Any) -> Question:
    """Return the question that a new pod leads to."""
    given = {
        "phase": "mutating",
        "operation": "CREATE",
        "target": target(),
        "obj": POD,
        "old": None,
        "revision": 0,
        "webhooks": ((HOOK, "v1"),),
        "user": User("jane", ("devs",)),
        "dry_run": False,
    }
    return Question(**{**given, **more})


def answer(**response: Any) -> bytes:
    """Return a webhook's answer to the review 1."""
    return orjson.dumps({"response": {"uid": "1", "allowed": True, **response}})


def encoded(operations: Any) -> str:
    """Return a patch as webhooks send it."""
    return base64.b64encode(orjson.dumps(operations)).decode()


def test_reviews_are_those_of_kubernetes() -> None:
    """Istiod's injector reads the object and the namespace out of the request."""
    sent = review(question(), HOOK, "v1", obj=POD, uid="1")

    request = sent["request"]
    assert (sent["kind"], sent["apiVersion"]) == ("AdmissionReview", "admission.k8s.io/v1")
    assert request["resource"] == {"group": "", "version": "v1", "resource": "pods"}
    assert (request["uid"], request["name"], request["namespace"]) == ("1", "p", "default")
    assert (request["operation"], request["object"], request["oldObject"]) == ("CREATE", POD, None)
    assert (request["dryRun"], request["options"]["kind"]) == (False, "CreateOptions")
    assert request["userInfo"] == {"username": "jane", "groups": ["devs"]}
    assert "subResource" not in request


def test_reviews_of_deletions_show_the_old_object() -> None:
    """There is no new one, and a dry run is marked for webhooks with side effects."""
    sent = review(
        question(operation="DELETE", obj=None, old=POD, dry_run=True), HOOK, "v1", obj=None, uid="1"
    )

    request = sent["request"]
    assert (request["object"], request["oldObject"], request["dryRun"]) == (None, POD, True)
    assert request["options"]["dryRun"] == ["All"]


def test_patches_are_applied_to_the_object() -> None:
    """This is how a pod gets its sidecar."""
    operations = [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]
    raw = answer(patch=encoded(operations), patchType="JSONPatch", warnings=["careful"])

    verdict = read_verdict(raw, HOOK, uid="1")

    assert verdict.warnings == ("careful",)
    assert patched(POD, verdict, target())["metadata"]["labels"] == {"a": "b"}
    assert "labels" not in POD["metadata"]


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        ({"message": "no", "code": 403, "reason": "Forbidden"}, 403, ": no"),
        ({"reason": "Tired"}, 400, ": Tired"),
        ({}, 400, " without explanation"),
    ],
)
def test_denials_are_worded_as_by_kubernetes(status: Any, code: int, text: str) -> None:
    """Scripts look for this text in what kubectl says."""
    with pytest.raises(Refused) as refused:
        read_verdict(answer(allowed=False, status=status), HOOK, uid="1")

    expected = f'admission webhook "hook.example.com" denied the request{text}'
    assert (refused.value.code, str(refused.value.what)) == (code, expected)


@pytest.mark.parametrize(
    "raw",
    [
        b"<html>",
        b"{}",
        b'{"response":{"uid":"1"}}',
        answer(uid="2"),
        answer(patch="%%%", patchType="JSONPatch"),
        answer(patch=encoded([]), patchType="Merge"),
    ],
)
def test_answers_that_are_no_review_are_failures(raw: bytes) -> None:
    """The failure policy decides about them, as about a webhook that cannot be reached."""
    with pytest.raises(WebhookError):
        read_verdict(raw, HOOK, uid="1")


def test_patches_that_fit_nothing_are_the_webhooks_fault() -> None:
    """The client did nothing wrong, so its request is not called invalid."""
    with pytest.raises(Refused) as refused:
        patched(POD, Verdict(({"op": "remove", "path": "/spec/x"},)), target())

    assert (refused.value.code, refused.value.reason) == (500, "InternalError")
