"""Authentication of proxies by their bearer tokens, as on istiod's TLS port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.controlplane.connected_proxy import WorkloadIdentity, unauthenticated
from pyload.embedded.controlplane.model import CLUSTER_ID
from pyload.errors import ApiError, ClusterUnreachable
from pyload.kube.resources import ACCESS_REVIEWS, TOKEN_REVIEWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj

AUDIENCE: Final = "istio-ca"
_USER: Final = "system:serviceaccount:"


async def authenticate(client: Client, headers: Mapping[str, str]) -> WorkloadIdentity:
    """Return the identity that a stream's bearer token proves, by a TokenReview.

    Args:
        client: The API server.
        headers: Headers of the stream, names in lower case.

    Raises:
        StreamError: UNAUTHENTICATED: there is no token, or the API server does not accept it.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthenticated("authentication failure: no bearer token")
    if headers.get("clusterid", CLUSTER_ID) != CLUSTER_ID:
        raise unauthenticated("authentication failure: the cluster is not known")
    review = {
        "apiVersion": TOKEN_REVIEWS.api_version,
        "kind": TOKEN_REVIEWS.kind,
        "metadata": {},
        "spec": {"token": token, "audiences": [AUDIENCE]},
    }
    try:
        reviewed = await client.create(TOKEN_REVIEWS.path(), review)
    except (ApiError, ClusterUnreachable) as error:
        raise unauthenticated("authentication failure: the token cannot be reviewed") from error
    identity = identity_of(reviewed)
    if identity is None:
        raise unauthenticated("authentication failure: the token is not accepted")
    return identity


async def may_list_secrets(client: Client, identity: WorkloadIdentity) -> bool:
    """Return whether an account may list the Secrets of its namespace.

    A gateway is sent certificates only if it may.
    """
    namespace = identity.namespace
    review = {
        "apiVersion": ACCESS_REVIEWS.api_version,
        "kind": ACCESS_REVIEWS.kind,
        "metadata": {},
        "spec": {
            "user": f"{_USER}{namespace}:{identity.service_account}",
            "resourceAttributes": {"namespace": namespace, "verb": "list", "resource": "secrets"},
        },
    }
    try:
        reviewed = await client.create(ACCESS_REVIEWS.path(), review)
    except (ApiError, ClusterUnreachable):
        return False
    return bool((reviewed.get("status") or {}).get("allowed"))


def identity_of(review: Obj) -> WorkloadIdentity | None:
    """Return the service account of an answered TokenReview, or None if it was not accepted."""
    status = review.get("status") or {}
    user = (status.get("user") or {}).get("username") or ""
    if not status.get("authenticated") or AUDIENCE not in (status.get("audiences") or ()):
        return None
    namespace, _, account = user.removeprefix(_USER).partition(":")
    if not user.startswith(_USER) or not namespace or not account:
        return None
    return WorkloadIdentity(namespace, account)
