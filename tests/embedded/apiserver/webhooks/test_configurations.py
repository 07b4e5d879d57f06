"""Which requests a webhook is for, and which configurations are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pyload.embedded.apiserver.kinds import NAMESPACE, POD
from pyload.embedded.apiserver.requests import Target
from pyload.embedded.apiserver.webhooks import configurations

if TYPE_CHECKING:
    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.webhooks.configurations import Webhook
    from tests.embedded.apiserver.conftest import Api

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


def configuration(name: str = "c", rule: Any = None, **more: Any) -> dict[str, Any]:
    """Return a configuration with one webhook, by default for new pods."""
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    webhook = {
        "name": "hook.example.com",
        "clientConfig": {"url": "https://localhost:1/inject"},
        "rules": [{"operations": ["CREATE"], **pods, **(rule or {})}],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **more,
    }
    return {
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [webhook],
    }


def webhook(rule: Any = None, **more: Any) -> Webhook:
    """Return a webhook, by default for new pods."""
    return configurations.read_webhooks(
        [configurations.complete(configuration(rule=rule, **more))]
    )[0]


def target(kind: Kind = POD, below: str = "") -> Target:
    """Return a collection, or a part of an object."""
    namespace = "default" if kind.namespaced else ""
    return Target(kind, "v1", namespace, "x" if below else "", below)


@pytest.mark.parametrize(
    ("rule", "kind", "below", "operation", "met"),
    [
        ({}, POD, "", "CREATE", True),
        ({}, POD, "", "UPDATE", False),
        ({"operations": ["*"]}, POD, "", "DELETE", True),
        ({}, POD, "status", "CREATE", False),
        ({"resources": ["pods/status"]}, POD, "status", "CREATE", True),
        ({"resources": ["*/*"]}, POD, "status", "CREATE", True),
        ({"resources": ["*"]}, POD, "status", "CREATE", False),
        ({"resources": ["*"]}, POD, "", "CREATE", True),
        ({"apiGroups": ["apps"]}, POD, "", "CREATE", False),
        ({"apiVersions": ["v2"]}, POD, "", "CREATE", False),
        ({"resources": ["*"], "scope": "Namespaced"}, NAMESPACE, "", "CREATE", False),
        ({"resources": ["*"], "scope": "Cluster"}, NAMESPACE, "", "CREATE", True),
    ],
)
def test_rules_name_operations_and_resources(
    rule: Any, kind: Kind, below: str, operation: str, *, met: bool
) -> None:
    """A webhook asked too often slows every write; one asked too seldom injects nothing."""
    assert bool(webhook(rule).version_for(target(kind, below), operation)) is met


def test_selectors_are_those_of_istio() -> None:
    """The injector's four webhooks differ in their selectors alone; exactly one may match."""
    hook = webhook(
        namespaceSelector={"matchLabels": {"istio-injection": "enabled"}},
        objectSelector={
            "matchExpressions": [
                {"key": "sidecar.istio.io/inject", "operator": "NotIn", "values": ["false"]},
                {"key": "istio.io/rev", "operator": "DoesNotExist"},
            ]
        },
    )
    enabled = {"metadata": {"labels": {"istio-injection": "enabled"}}}
    plain: dict[str, Any] = {"metadata": {}}
    refused = {"metadata": {"labels": {"sidecar.istio.io/inject": "false"}}}

    assert [hook.selects_namespace(one) for one in (enabled, plain, None)] == [True, False, True]
    assert [hook.selects(one) for one in (plain, refused)] == [True, False]
    assert hook.selects(refused, plain)
    assert not hook.selects(refused, None)


@pytest.mark.anyio
@pytest.mark.virtual
async def test_configurations_get_their_defaults(api: Api) -> None:
    """Istiod reads these fields back and would patch for ever what it finds different."""
    given = configuration(clientConfig={"service": {"name": "istiod", "namespace": "istio-system"}})

    _, created = await api("POST", CONFIGURATIONS, given)

    found = created["webhooks"][0]
    assert found["clientConfig"]["service"]["port"] == 443
    assert (found["failurePolicy"], found["matchPolicy"]) == ("Fail", "Equivalent")
    assert (found["timeoutSeconds"], found["reinvocationPolicy"]) == (10, "Never")
    assert found["rules"][0]["scope"] == "*"


@pytest.mark.anyio
@pytest.mark.virtual
async def test_faults_of_configurations_are_named(api: Api) -> None:
    """Whoever writes one by hand learns all that is missing at once."""
    given = configuration(name="short", clientConfig={}, sideEffects="Some")
    given["webhooks"][0] |= {"admissionReviewVersions": ["v7"], "name": "hook"}

    code, status = await api("POST", CONFIGURATIONS, given)

    assert code == 422
    assert [cause["field"] for cause in status["details"]["causes"]] == [
        "webhooks[0].name",
        "webhooks[0].clientConfig",
        "webhooks[0].sideEffects",
        "webhooks[0].admissionReviewVersions",
    ]


@pytest.mark.anyio
@pytest.mark.virtual
async def test_conditions_count_as_met_with_a_warning(api: Api) -> None:
    """CEL is not evaluated here, and nobody may take that for the real server's answer."""
    given = configuration(matchConditions=[{"name": "c", "expression": "false"}])
    response = await api.transport.request("POST", CONFIGURATIONS, body=orjson.dumps(given))

    assert getattr(response, "warnings", ()) == (configurations.NO_CONDITIONS,)
