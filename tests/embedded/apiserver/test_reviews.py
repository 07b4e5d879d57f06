"""Service account tokens and their review."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
