"""Refusals in the words of a real API server: scripts and client libraries compare them."""

from __future__ import annotations

import pytest

from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.kinds import CONFIG_MAP, DEPLOYMENT, POD
from pyload.embedded.apiserver.refusals import Cause, Refused


def test_a_kind_of_a_group_is_named_with_it() -> None:
    """Two kinds of one name would be taken for each other, such as the two Gateways."""
    status = refusals.not_found(DEPLOYMENT, "web").to_status()

    assert status["message"] == 'deployments.apps "web" not found'
    assert status["details"] == {"name": "web", "group": "apps", "kind": "deployments"}
    core = refusals.already_exists(CONFIG_MAP, "c").to_status()
    assert core["message"] == 'configmaps "c" already exists'
    assert core["details"] == {"name": "c", "kind": "configmaps"}


def test_faults_of_an_object_are_listed_in_the_message_and_one_by_one() -> None:
    """Kubectl prints the message, and editors mark the fields."""
    number = Cause.invalid("spec.replicas", -1, "must be greater than or equal to 0")
    text = Cause.invalid("metadata.name", "A", "must be lower case")

    one = refusals.invalid(DEPLOYMENT, "web", [number]).to_status()
    both = refusals.invalid(POD, "A", [text, Cause.required("spec.containers")]).to_status()

    assert one["message"] == (
        'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: '
        "must be greater than or equal to 0"
    )
    assert one["details"]["kind"] == "Deployment"
    assert both["message"] == (
        'Pod "A" is invalid: [metadata.name: Invalid value: "A": must be lower case, '
        "spec.containers: Required value]"
    )
    assert [(cause["field"], cause["reason"]) for cause in both["details"]["causes"]] == [
        ("metadata.name", "FieldValueInvalid"),
        ("spec.containers", "FieldValueRequired"),
    ]


@pytest.mark.parametrize(
    ("cause", "message", "reason"),
    [
        (Cause.required("f", "say it"), "Required value: say it", "FieldValueRequired"),
        (Cause.forbidden("f", "fixed"), "Forbidden: fixed", "FieldValueForbidden"),
        (Cause.duplicate("f", "a"), 'Duplicate value: "a"', "FieldValueDuplicate"),
        (Cause.duplicate("f", 80), 'Duplicate value: "80"', "FieldValueDuplicate"),
    ],
)
def test_causes_say_what_is_wrong_with_a_field(cause: Cause, message: str, reason: str) -> None:
    """Tools that mend objects choose by the reason."""
    assert (cause.message, cause.reason) == (message, reason)


def test_a_page_that_has_expired_comes_with_a_token_to_go_on() -> None:
    """A client would have to begin a list of 100,000 pods again."""
    status = refusals.continue_expired("token").to_status()

    assert (status["code"], status["metadata"]) == (410, {"continue": "token"})
    assert refusals.too_old(5, 7).to_status()["metadata"] == {}


def test_a_version_of_the_future_is_to_be_asked_for_again() -> None:
    """client-go waits as long as the details say; without them it gives up."""
    status = refusals.too_large(9, 7).to_status()

    assert (status["code"], status["reason"]) == (504, "Timeout")
    assert status["details"]["retryAfterSeconds"] == 1
    assert status["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


def test_a_refusal_says_nothing_that_it_does_not_know() -> None:
    """A real server leaves empty fields out, and recordings are compared with these."""
    assert Refused(500, "", "why").to_status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "why",
        "code": 500,
    }


def test_a_deletion_is_confirmed_with_the_uid() -> None:
    """A client must see which of two objects of one name it has deleted."""
    status = refusals.success(DEPLOYMENT, "web", "u-1")

    assert status["status"] == "Success"
    assert status["details"] == {
        "name": "web",
        "kind": "deployments",
        "uid": "u-1",
        "group": "apps",
    }
    assert "group" not in refusals.success(POD, "p", "u-2")["details"]
