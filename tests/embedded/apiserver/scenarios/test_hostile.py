"""Requests that no client should send: each has to be answered, and by the client's own fault."""

from __future__ import annotations

from typing import Any, Final

import orjson
from hypothesis import given
from hypothesis import strategies as st

from tests.embedded.apiserver.scenarios.peers import (
    APPLY,
    DEFINITION,
    DEFINITIONS,
    JSON,
    JSON_PATCH,
    MAPS,
    MERGE,
    STRATEGIC,
    WIDGETS,
    Embedded,
)
from tests.examples import examples

PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
MEDIA: Final = (JSON, MERGE, JSON_PATCH, STRATEGIC, APPLY, PROTOBUF, "application/yaml", "text/x")
METHODS: Final = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
OWN_FAULTS: Final = ("resourceVersion should not be set", "failed to create typed patch object")
"""What a real server too answers with 500."""

VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | st.sampled_from(["a", "x/y", "/", "$patch", "replace", "2026-01-02T03:04:05Z", "10%", "4Gi"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("name", "labels", "annotations", "finalizers", "ownerReferences", "spec"),
                    *("uid", "resourceVersion", "namespace", "managedFields", "containers", "a"),
                    *("status", "data", "ports", "selector", "template", "replicas", "metadata"),
                    *(
                        "$patch",
                        "$retainKeys",
                        "$setElementOrder/containers",
                        "path",
                        "op",
                        "value",
                    ),
                    *("preconditions", "dryRun", "gracePeriodSeconds", "target", "kind", "rules"),
                    *("conditions", "type", "clusterIP", "port", "items", "stringData", "versions"),
                ]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
PLURALS: Final = st.sampled_from(
    [
        *(
            "configmaps",
            "secrets",
            "pods",
            "services",
            "namespaces",
            "nodes",
            "endpoints",
            "events",
        ),
        *("serviceaccounts", "things", ""),
    ]
)
PREFIXES: Final = st.sampled_from(
    [
        *("/api/v1", "/apis/apps/v1", "/apis/batch/v1", "/apis/pyload.example.com/v1", "/apis"),
        *("/apis/discovery.k8s.io/v1", "/apis/coordination.k8s.io/v1", "/apis/policy/v1", "/api"),
        *("/apis/apiextensions.k8s.io/v1", "/apis/authorization.k8s.io/v1", "/openapi/v3", "/"),
        *("/apis/rbac.authorization.k8s.io/v1", "/apis/authentication.k8s.io/v1", "/openapi/v2"),
    ]
)
PIECES: Final = st.sampled_from(
    [
        *("namespaces", "default", "x", "a", "status", "scale", "binding", "token", "finalize"),
        *("eviction", "log", "exec", "deployments", "jobs", "widgets", "endpointslices", "leases"),
        *("customresourcedefinitions", "tokenreviews", "selfsubjectaccessreviews", "%2F", "..", ""),
        *(
            "selfsubjectrulesreviews",
            "poddisruptionbudgets",
            "roles",
            "%zz",
            "\0",
            "é",
            "ephemeral",
        ),
    ]
)
PATHS: Final = st.one_of(
    st.builds(lambda start, rest: "/".join([start, *rest]), PREFIXES, st.lists(PIECES, max_size=5)),
    st.builds(
        lambda plural, name, below: "/".join(
            ["/api/v1/namespaces/default", plural, *filter(None, (name, below))]
        ),
        *(PLURALS, st.sampled_from(["", "a", "p"]), st.sampled_from(["", "status", "binding"])),
    ),
    st.sampled_from([WIDGETS.path("x", "a"), WIDGETS.path("x"), WIDGETS.path("x", "a", "scale")]),
)
TEXTS: Final = st.text(max_size=6) | st.sampled_from(
    [
        *("a=b", "a in (b,c)", "a notin ()", "!a", "a>1", "metadata.name=x", "a=b,", "1", "-1"),
        *("0", "true", "All", "NotOlderThan", "Exact", "Orphan", "Strict", "e30", "9" * 40, "٣"),
    ]
)
QUERIES: Final = st.dictionaries(
    st.sampled_from(
        [
            *("labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "watch"),
            *("resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "dryRun", "force"),
            *(
                "fieldManager",
                "fieldValidation",
                "propagationPolicy",
                "gracePeriodSeconds",
                "pretty",
            ),
            *("allowWatchBookmarks", "includeObject", "orphanDependents", "shape"),
        ]
    ),
    TEXTS,
    max_size=4,
)
ACCEPTS: Final = st.sampled_from(
    [
        *("", JSON, "*/*", PROTOBUF, "application/json;as=Table;v=v1;g=meta.k8s.io", "text/html"),
        "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
        "application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io",
    ]
)


def prepared() -> Embedded:
    """Return a server with an object of some kinds."""
    server = Embedded()
    server.raw("POST", DEFINITIONS, {}, orjson.dumps(DEFINITION))
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    service = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 1}]}}
    for path, body in (
        ("/api/v1/namespaces", {"metadata": {"name": "x"}}),
        (MAPS.path("default"), {"metadata": {"name": "a"}, "data": {"a": "1"}}),
        (WIDGETS.path("x"), {"metadata": {"name": "a"}, "spec": {"a": "1", "size": 1}}),
        ("/api/v1/namespaces/default/pods", pod),
        ("/api/v1/namespaces/default/services", service),
    ):
        code, answer = server.raw("POST", path, {}, orjson.dumps(body))
        assert code == 201, answer
    return server


def check(code: int, body: bytes) -> None:
    """Check that an answer is one, and lays no fault on the server."""
    if code >= 400:
        status = orjson.loads(body)
        assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", code)
        assert code < 500 or code == 504 or status["message"].startswith(OWN_FAULTS), status


SERVER: Final = prepared()
"""What survives of all requests; only those that write a lot have one of their own."""


@given(METHODS, PATHS, QUERIES, st.tuples(st.sampled_from(MEDIA), VALUES), ACCEPTS)
@examples(150)
def test_any_request_is_answered(
    method: str, path: str, query: dict[str, str], sent: tuple[str, Any], accept: str
) -> None:
    """A client's nonsense would end in a traceback, and its connection would break."""
    media, body = sent
    raw = None if body is None else orjson.dumps(body)
    check(*SERVER.raw(method, path, query, raw, media, accept=accept))


@given(METHODS, PATHS, st.sampled_from(MEDIA), st.binary(max_size=40))
@examples(60)
def test_any_bytes_are_answered(method: str, path: str, media: str, raw: bytes) -> None:
    """A proxy between client and server may send anything."""
    check(*SERVER.raw(method, path, {}, raw, media))
    if media == PROTOBUF:
        check(*SERVER.raw(method, path, {}, b"k8s\0" + raw, media))


@given(st.text(max_size=12), st.sampled_from(["labelSelector", "fieldSelector", "continue"]))
@examples(60)
def test_any_selector_is_answered(text: str, name: str) -> None:
    """People type selectors by hand."""
    for path in (MAPS.path(), "/api/v1/pods", WIDGETS.path()):
        check(*SERVER.raw("GET", path, {name: text}, None))
        check(*SERVER.raw("GET", path, {name: text, "watch": "true"}, None))


OPERATIONS: Final = st.lists(
    st.fixed_dictionaries(
        {
            "op": st.sampled_from(["add", "replace", "remove", "test", "move", "copy", "x"]),
            "path": st.lists(
                st.sampled_from(
                    ["spec", "a", "data", "metadata", "labels", "-", "0", "1", "9" * 30]
                )
                | st.sampled_from(["~0", "~1", "~", "", "containers", "image", "name", "-1", "٣"]),
                max_size=5,
            ).map(lambda pieces: "".join(f"/{piece}" for piece in pieces)),
        },
        optional={"value": VALUES, "from": st.sampled_from(["", "/", "/spec", "/spec/a", "/data"])},
    ),
    max_size=4,
)


@given(
    st.sampled_from([MAPS.path("default", "a"), WIDGETS.path("x", "a")])
    | st.sampled_from(
        ["/api/v1/namespaces/default/pods/p", "/api/v1/namespaces/default/services/a"]
    ),
    OPERATIONS | VALUES,
    st.sampled_from([JSON_PATCH, MERGE, STRATEGIC, APPLY]),
)
@examples(150)
def test_any_patch_is_answered(path: str, body: Any, media: str) -> None:
    """Patches are made by programs, and reach into objects that others have changed since."""
    check(*SERVER.raw("PATCH", path, {"fieldManager": "m"}, orjson.dumps(body), media))


@given(st.integers(1, 4000), st.sampled_from([JSON, MERGE, STRATEGIC, APPLY]))
@examples(15)
def test_no_depth_is_too_deep(depth: int, media: str) -> None:
    """A body that is nested without end would end the server's stack."""
    raw = b'{"metadata":{"name":"a"},"data":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    for path in (MAPS.path("default", "a"), WIDGETS.path("x", "a")):
        method = "PUT" if media == JSON else "PATCH"
        check(*SERVER.raw(method, path, {"fieldManager": "m"}, raw, media))


SCHEMAS: Final = st.recursive(
    st.dictionaries(
        st.sampled_from(
            [
                *("type", "enum", "minimum", "maxLength", "pattern", "required", "nullable"),
                *("default", "format", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"),
                *("multipleOf", "x-kubernetes-int-or-string", "uniqueItems", "minItems"),
            ]
        ),
        st.sampled_from(["object", "array", "string", "integer", "date-time", "map", "set", "("])
        | VALUES,
        max_size=3,
    ),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["object", "array", "string"])},
        optional={
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "items": inner,
            "additionalProperties": inner | st.booleans(),
            "anyOf": st.lists(inner, max_size=2),
            "not": inner,
            "x-kubernetes-preserve-unknown-fields": st.booleans(),
        },
    ),
    max_leaves=6,
)


@given(SCHEMAS, VALUES)
@examples(60)
def test_any_schema_is_answered(schema: Any, value: Any) -> None:
    """Definitions are written by hand, and objects by people who have not read them."""
    version = {**DEFINITION["spec"]["versions"][0]}
    whole = {"type": "object", "properties": {"spec": schema}}
    version["schema"] = {"openAPIV3Schema": whole}
    names = {"plural": "gadgets", "kind": "Gadget"}
    spec = {**DEFINITION["spec"], "names": names, "versions": [version]}
    body = {**DEFINITION, "metadata": {"name": "gadgets.pyload.example.com"}, "spec": spec}
    check(*SERVER.raw("POST", DEFINITIONS, {}, orjson.dumps(body)))
    gadgets = "/apis/pyload.example.com/v1/namespaces/x/gadgets"
    raw = orjson.dumps({"metadata": {"name": "a"}, "spec": value})
    check(*SERVER.raw("POST", gadgets, {}, raw))
    check(*SERVER.raw("PATCH", f"{gadgets}/a", {"fieldManager": "m", "force": "1"}, raw, APPLY))
    check(*SERVER.raw("GET", gadgets, {}, None, accept="application/json;as=Table;v=v1"))
    SERVER.raw("DELETE", f"{DEFINITIONS}/gadgets.pyload.example.com", {}, None)
    SERVER.settle()
