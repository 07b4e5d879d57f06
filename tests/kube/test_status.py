"""What users read when the API server refuses a request."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import ApiError, Forbidden, Gone, NotFound, TooManyRequests
from pyload.kube.status import error_from, error_from_status, not_json

PODS = "/api/v1/namespaces/mesh/pods"
SIDECARS = "/apis/networking.istio.io/v1/namespaces/mesh/sidecars"
NOT_AN_API_SERVER = "check that the address in the kubeconfig is a Kubernetes API server's"


@pytest.mark.parametrize(
    ("method", "path", "verb", "what"),
    [
        ("GET", PODS, "list", '"pods" of the core API group: grant it through RBAC (Role in names'),
        ("GET", f"{PODS}/a", "get", '"pods" of the core API group'),
        ("PUT", f"{PODS}/a/status", "update", '"pods/status" of the core API group'),
        ("DELETE", f"{SIDECARS}/a", "delete", '"sidecars" of API group "networking.istio.io"'),
        (
            "POST",
            "/api/v1/nodes",
            "create",
            '"nodes" of the core API group: grant it through RBAC ',
        ),
        ("HEAD", PODS, "head", '"pods" of the core API group'),
    ],
)
def test_a_missing_permission_is_named_by_verb_and_resource(
    method: str, path: str, verb: str, what: str
) -> None:
    """An administrator could not write the rule that the role lacks."""
    error = error_from(method, path, 403, b"no")

    assert type(error) is Forbidden
    assert error.fix.startswith(f'the account lacks the verb "{verb}" on {what}')


def test_a_missing_permission_on_something_else_is_not_guessed() -> None:
    """The user would be told to grant a verb on a resource that does not exist."""
    assert error_from("GET", "/version", 403, b"").fix == "give the account a role that allows this"


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        (PODS, NOT_AN_API_SERVER),
        ("/", NOT_AN_API_SERVER),
        (
            SIDECARS,
            (
                "sidecars of networking.istio.io/v1 are not served by this cluster: "
                "install their CustomResourceDefinitions"
            ),
        ),
    ],
)
def test_a_page_that_is_not_there_says_what_is_missing(path: str, fix: str) -> None:
    """A proxy's 404 page and missing definitions of Istio would look alike."""
    assert error_from("GET", path, 404, b"<html>").fix == fix


@pytest.mark.parametrize(
    ("code", "message", "fix"),
    [
        (401, "Unauthorized", "have expired"),
        (403, 'pods "a" is forbidden: exceeded quota: q', "ResourceQuota"),
        (403, "namespace mesh because it is being terminated", "wait until"),
        (404, "the server could not find the requested resource", "check that the address"),
        (429, "too many", "lower --qps"),
    ],
)
def test_refusals_say_what_to_do(code: int, message: str, fix: str) -> None:
    """A message without a way out sends the user to a search engine."""
    status = {"kind": "Status", "message": message}
    assert fix in error_from("POST", PODS, code, json.dumps(status).encode()).fix


def test_a_missing_object_is_no_missing_api() -> None:
    """A pod that is gone would read as a cluster without pods."""
    status = {"kind": "Status", "code": 404, "message": 'pods "a" not found'}
    error = error_from("GET", f"{PODS}/a", 404, json.dumps(status).encode())
    assert (type(error), error.fix) == (NotFound, "")


@pytest.mark.parametrize(
    ("code", "expected"), [(410, 410), (None, 504), (0, 504), ("410", 504), (429, 429)]
)
def test_the_code_of_the_object_counts_if_it_has_one(code: object, expected: int) -> None:
    """A watch error, which comes with HTTP 200, would not lead to a new list."""
    error = error_from_status("GET", PODS, {"kind": "Status", "code": code}, code=504)

    assert error.status == expected
    assert type(error) is {410: Gone, 429: TooManyRequests}.get(expected, ApiError)


def test_a_pause_that_the_server_asks_for_is_kept() -> None:
    """An overloaded server would be asked again at once."""
    status = b'{"kind": "Status", "reason": "TooManyRequests"}'
    assert error_from("GET", PODS, 429, status, retry_after=3.0).retry_after == 3.0
    assert error_from("GET", PODS, 429, b"slow down", retry_after=2.0).retry_after == 2.0


def test_an_answer_that_is_not_json_is_shown_in_part() -> None:
    """A login page of a proxy would fill the terminal."""
    error = not_json("GET", PODS, 200, b"<html>" * 1000)
    assert error.message == f"the answer is not a JSON object but {('<html>' * 1000)[:80]!r}"
    assert error.fix == NOT_AN_API_SERVER


BODIES = st.binary(max_size=400) | st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["Status", "Forbidden"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["kind", "code", "reason", "message", "details"]), inner, max_size=5
        )
    ),
    max_leaves=5,
).map(lambda value: json.dumps(value).encode())


@given(
    st.sampled_from(["GET", "POST", "PATCH"]),
    st.sampled_from(["/", "/version", PODS, f"{PODS}/a", SIDECARS]),
    st.sampled_from([400, 401, 403, 404, 409, 410, 422, 429, 500, 503]),
    BODIES,
)
def test_any_answer_becomes_an_error(method: str, path: str, status: int, body: bytes) -> None:
    """A load balancer's page, or half a Status, would end the run with a traceback."""
    error = error_from(method, path, status, body)

    assert str(error).startswith(f"{method} {path}: HTTP {error.status}: ")
    assert len(error.message) <= 256
