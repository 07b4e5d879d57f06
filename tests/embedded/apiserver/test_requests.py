"""Reading paths, queries, headers and bodies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.requests import (
    APPLY_PATCH,
    JSON,
    MERGE_PATCH,
    YAML,
    Request,
    decode_body,
    parse_target,
    verb_of,
    wanted_form,
)
from tests.embedded.apiserver.served import KINDS


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/pods", ("Pod", "v1", "", "", "")),
        ("/api/v1/namespaces", ("Namespace", "v1", "", "", "")),
        ("/api/v1/namespaces/n", ("Namespace", "v1", "", "n", "")),
        ("/api/v1/namespaces/n/status", ("Namespace", "v1", "", "n", "status")),
        ("/api/v1/namespaces/n/finalize", ("Namespace", "v1", "", "n", "finalize")),
        ("/api/v1/namespaces/n/pods", ("Pod", "v1", "n", "", "")),
        ("/api/v1/namespaces/n/pods/p", ("Pod", "v1", "n", "p", "")),
        ("/api/v1/namespaces/n/pods/p/binding", ("Pod", "v1", "n", "p", "binding")),
        ("/api/v1/namespaces/n/pods/a%2Eb", ("Pod", "v1", "n", "a.b", "")),
        ("/api/v1/nodes/x/status", ("Node", "v1", "", "x", "status")),
        (
            "/apis/networking.istio.io/v1beta1/namespaces/n/gateways/g",
            ("Gateway", "networking.istio.io/v1beta1", "n", "g", ""),
        ),
        (
            "/apis/gateway.networking.k8s.io/v1/gatewayclasses/c",
            ("GatewayClass", "gateway.networking.k8s.io/v1", "", "c", ""),
        ),
    ],
)
def test_paths_are_understood(path: str, expected: tuple[str, ...]) -> None:
    """Every request depends on it."""
    target = parse_target(path, KINDS)

    assert target is not None
    found = (
        target.kind.kind,
        target.api_version,
        target.namespace,
        target.name,
        target.subresource,
    )
    assert found == expected


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/api/v2/pods",
        "/api/v1/things",
        "/api/v1/pods/p",
        "/api/v1/namespaces/n/nodes",
        "/api/v1/namespaces/n/pods/p/exec",
        "/api/v1/namespaces/n/pods/p/status/more",
        "/apis/apps/v1beta1/deployments",
        "/version",
    ],
)
def test_other_paths_mean_no_object(path: str) -> None:
    """What is not served must end as 404 or discovery, not as some other kind."""
    assert parse_target(path, KINDS) is None


@given(st.text("/apisv1nodesx%2F", max_size=30))
def test_any_path_is_read(path: str) -> None:
    """A strange path must not crash the server."""
    parse_target(path, KINDS)


@pytest.mark.parametrize(
    ("method", "path", "query", "verb"),
    [
        ("GET", "/api/v1/pods", {}, "list"),
        ("GET", "/api/v1/pods", {"watch": "true"}, "watch"),
        ("GET", "/api/v1/pods", {"watch": "1"}, "watch"),
        ("GET", "/api/v1/nodes/n", {"watch": "true"}, "get"),
        ("POST", "/api/v1/nodes", {}, "create"),
        ("PUT", "/api/v1/nodes/n", {}, "update"),
        ("PATCH", "/api/v1/nodes/n", {}, "patch"),
        ("DELETE", "/api/v1/nodes/n", {}, "delete"),
        ("DELETE", "/api/v1/nodes", {}, "deletecollection"),
        ("GET", "/version", {}, "get"),
        ("OPTIONS", "/api/v1/nodes", {}, "options"),
    ],
)
def test_verbs_are_those_of_the_audit_log(
    method: str, path: str, query: dict[str, str], verb: str
) -> None:
    """Recordings of real servers are compared by these verbs."""
    assert verb_of(method, parse_target(path, KINDS), query) == verb


def test_the_first_form_that_can_be_given_is_chosen() -> None:
    """client-go lists protobuf first, and expects JSON from a server that has none."""
    metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    discovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

    assert wanted_form("") == "object"
    assert wanted_form("*/*") == "object"
    assert wanted_form("application/vnd.kubernetes.protobuf,application/json") == "object"
    assert wanted_form(f"{table}, application/json") == "table"
    assert wanted_form(f"{table.replace('v1;', 'v1beta1;')}, application/json") == "object"
    assert wanted_form(f"application/vnd.kubernetes.protobuf;as=x,{metadata}") == "metadata"
    assert wanted_form(f"{discovery},application/json") == "discovery"
    with pytest.raises(Refused) as refused:
        wanted_form("text/html")
    assert refused.value.code == 406


def test_bodies_are_read() -> None:
    """Go clients write nulls for what is not set, except in patches, where nulls remove."""
    assert decode_body(b'{"a":null,"b":[{"c":null}]}', JSON) == {"b": [{}]}
    assert decode_body(b'{"a":null}', MERGE_PATCH) == {"a": None}
    assert decode_body(b'{"a":null}', APPLY_PATCH) == {}
    assert decode_body(b"a: 2026-01-01\nb: ~\nc: [1]\n", APPLY_PATCH) == {
        "a": "2026-01-01",
        "c": [1],
    }
    assert decode_body(b"a: b", YAML) == {"a": "b"}


@pytest.mark.parametrize(
    ("raw", "content_type", "code"),
    [
        (b"{", JSON, 400),
        (b"a: b: c", APPLY_PATCH, 400),
        (b"!!python/object:os.system {}", APPLY_PATCH, 400),
        (b"\xff\xfe", JSON, 400),
        (b"k8s\x00", "application/x-unknown", 415),
    ],
)
def test_unreadable_bodies_are_refused(raw: bytes, content_type: str, code: int) -> None:
    """Junk must be answered with an error, and never run."""
    with pytest.raises(Refused) as refused:
        decode_body(raw, content_type)

    assert refused.value.code == code


def test_query_parameters_are_checked() -> None:
    """A typo in a parameter must not be taken for its absence."""
    request = Request("list", "GET", "/api/v1/pods", {"limit": "x", "dryRun": "Some", "watch": "t"})

    assert request.flag("watch")
    assert not request.flag("force")
    assert request.number("timeoutSeconds") is None
    with pytest.raises(Refused):
        request.number("limit")
    with pytest.raises(Refused):
        _ = request.dry_run
