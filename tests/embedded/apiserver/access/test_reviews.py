"""Service account tokens and their review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pyload.embedded.apiserver.access.users import impersonated
from pyload.embedded.apiserver.requests import Request, parse_target
from pyload.manifests.rbac import secret_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.embedded.apiserver.conftest import Api

ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

pytestmark = pytest.mark.virtual


@pytest.mark.anyio
async def test_tokens_pass_their_review(api: Api) -> None:
    """Istiod asks for the review of every JWT proxy."""
    spec = {"audiences": ["istio-ca"], "expirationSeconds": 604800}
    code, answer = await api("POST", f"{ACCOUNT}/token", {"spec": spec})
    token = answer["status"]["token"]

    good = await api("POST", REVIEWS, {"spec": {"token": token, "audiences": ["istio-ca"]}})
    other = await api("POST", REVIEWS, {"spec": {"token": token, "audiences": ["vault"]}})
    junk = await api("POST", REVIEWS, {"spec": {"token": "junk"}})

    assert code == 201
    assert answer["status"]["expirationTimestamp"].endswith("Z")
    assert good[0] == 201
    assert good[1]["status"]["authenticated"]
    assert good[1]["status"]["audiences"] == ["istio-ca"]
    assert good[1]["status"]["user"]["username"] == "system:serviceaccount:default:default"
    assert "system:serviceaccounts:default" in good[1]["status"]["user"]["groups"]
    for _, review in (other, junk):
        assert "authenticated" not in review["status"]
        assert "invalid bearer token" in review["status"]["error"]


@pytest.mark.anyio
async def test_a_token_dies_with_its_account(api: Api) -> None:
    """A deleted and recreated account is another account."""
    _, answer = await api("POST", f"{ACCOUNT}/token", {})
    await api("DELETE", ACCOUNT)

    _, review = await api("POST", REVIEWS, {"spec": {"token": answer["status"]["token"]}})

    assert "authenticated" not in review["status"]


@pytest.mark.anyio
async def test_tokens_are_only_for_accounts_that_exist(api: Api) -> None:
    """A missing account is 404, a lifetime under ten minutes 422, as in Kubernetes."""
    missing, _ = await api("POST", f"{ACCOUNT}x/token", {})
    short, _ = await api("POST", f"{ACCOUNT}/token", {"spec": {"expirationSeconds": 1}})
    long, _ = await api("POST", f"{ACCOUNT}/token", {"spec": {"expirationSeconds": 1 << 33}})
    broken, _ = await api("POST", REVIEWS, [])
    read, _ = await api("GET", REVIEWS)

    assert (missing, short, long, broken, read) == (404, 422, 422, 400, 405)


@pytest.mark.anyio
async def test_everyone_may_do_everything(api: Api) -> None:
    """Istiod asks whether a gateway may read secrets; there are no rules here."""
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

    code, review = await api("POST", path, {"spec": {"user": "x"}})

    assert (code, review["status"]) == (201, {"allowed": True})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("user", "asked", "allowed"),
    [
        ("system:serviceaccount:default:sa", {}, True),
        ("system:serviceaccount:default:sa", {"verb": "delete"}, False),
        ("system:serviceaccount:default:sa", {"resource": "pods"}, False),
        ("system:serviceaccount:default:sa", {"group": "apps"}, False),
        ("system:serviceaccount:default:sa", {"namespace": "kube-system"}, False),
        ("system:serviceaccount:default:other", {}, False),
        ("system:serviceaccount:kube-system:sa", {}, False),
        ("admin", {}, True),
    ],
)
async def test_an_account_may_do_what_its_roles_say(
    api: Api, user: str, asked: Mapping[str, str], *, allowed: bool
) -> None:
    """Gateways would get Secrets here that they never get from istiod in a real cluster."""
    for resource, obj in secret_reader("default", "sa", run_id="r"):
        await api("POST", resource.path("default"), obj)
    attributes = {"namespace": "default", "verb": "list", "resource": "secrets", **asked}
    spec = {"user": user, "resourceAttributes": attributes}

    code, review = await api("POST", ACCESS, {"spec": spec})

    assert (code, review["status"]) == (201, {"allowed": allowed})


@pytest.mark.anyio
async def test_a_binding_to_a_role_that_is_not_there_allows_nothing(api: Api) -> None:
    """A role may be gone before its binding is."""
    _, (resource, binding) = secret_reader("default", "sa", run_id="r")
    await api("POST", resource.path("default"), binding)
    attributes = {"namespace": "default", "verb": "list", "resource": "secrets"}
    spec = {"user": "system:serviceaccount:default:sa", "resourceAttributes": attributes}

    _, review = await api("POST", ACCESS, {"spec": spec})

    assert review["status"] == {"allowed": False}


RBAC = "/apis/rbac.authorization.k8s.io/v1"
LOCAL = "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews"
RULE = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods/log", "configmaps"]}
USER = "system:serviceaccount:default:sa"


async def bind_to_group(api: Api, **rule: object) -> None:
    """Bind a ClusterRole to all service accounts of the namespace ``default``."""
    role = {"metadata": {"name": "system:r"}, "rules": [{**RULE, **rule}]}
    group = {"kind": "Group", "name": "system:serviceaccounts:default"}
    ref = {"kind": "ClusterRole", "name": "system:r"}
    binding = {"metadata": {"name": "b"}, "roleRef": ref, "subjects": [group]}
    assert (await api("POST", f"{RBAC}/clusterroles", role))[0] == 201
    assert (await api("POST", f"{RBAC}/clusterrolebindings", binding))[0] == 201


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ({"resource": "pods", "subresource": "log", "name": "p"}, True),
        ({"resource": "pods", "name": "p"}, False),
        ({"resource": "configmaps", "name": "p"}, True),
        ({"resource": "configmaps", "name": "q"}, False),
    ],
)
async def test_cluster_roles_count_for_the_groups_of_an_account(
    api: Api, asked: Mapping[str, str], *, allowed: bool
) -> None:
    """Istiod's own rights come by a ClusterRole; names and subresources narrow a rule."""
    await bind_to_group(api, resourceNames=["p"])
    attributes = {"namespace": "default", "verb": "get", **asked}

    body = {"spec": {"user": USER, "resourceAttributes": attributes}}
    code, review = await api("POST", LOCAL, body)

    assert (code, review["status"]) == (201, {"allowed": allowed})


@pytest.mark.anyio
async def test_a_local_review_is_of_its_namespace(api: Api) -> None:
    """A controller that asks at the wrong place must learn it, not get an answer."""
    attributes = {"namespace": "kube-system", "verb": "get", "resource": "pods"}

    code, _ = await api("POST", LOCAL, {"spec": {"user": "u", "resourceAttributes": attributes}})

    assert code == 400


@pytest.mark.anyio
async def test_everybody_learns_who_they_are_and_what_they_may_do(api: Api) -> None:
    """`kubectl auth whoami` and `kubectl auth can-i --list` ask for it."""
    rules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"

    _, me = await api("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    code, mine = await api("POST", rules, {"spec": {"namespace": "default"}})
    nowhere, _ = await api("POST", rules, {"spec": {}})

    assert me["status"]["userInfo"]["username"] == "pyload:embedded"
    assert (code, nowhere) == (201, 400)
    assert mine["status"]["resourceRules"] == [
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    ]


@pytest.mark.anyio
async def test_an_account_sees_its_own_rules(api: Api) -> None:
    """`kubectl auth can-i --list --as` shows what the roles of that account say."""
    await bind_to_group(api)
    user = impersonated(USER, (), "")
    spec = {"spec": {"namespace": "default"}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    request = Request("create", "POST", path, {}, body=spec, user=user)

    answer: Any = api.server._handler.handle(request, parse_target(path, api.server.kinds))

    assert orjson.loads(answer.body)["status"]["resourceRules"] == [RULE]
    assert user.groups[1] == "system:serviceaccounts:default"


@pytest.mark.anyio
async def test_a_binding_keeps_its_role(api: Api) -> None:
    """`kubectl auth reconcile` relies on the refusal, and creates the binding anew."""
    await bind_to_group(api)
    ref = {"roleRef": {"kind": "ClusterRole", "name": "other"}}

    merge = "application/merge-patch+json"
    code, answer = await api("PATCH", f"{RBAC}/clusterrolebindings/b", ref, merge)
    slashed, _ = await api("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "a/b"}})

    assert (code, slashed) == (422, 422)
    assert "cannot change roleRef" in answer["message"]
