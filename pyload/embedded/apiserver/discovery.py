"""Discovery: groups, versions, resources, schemas and health of the API server."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.kinds import KINDS
from pyload.embedded.apiserver.requests import Reply, Request, json_reply, wanted_form

if TYPE_CHECKING:
    from pyload.embedded.apiserver.kinds import Kind
    from pyload.kube.resources import Obj


VERSION: Final[Obj] = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.0+pyload",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "pyload/embedded",
}

_HEALTH: Final = frozenset(("healthz", "readyz", "livez"))
_AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_STORED_VERBS: Final = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)
_SUBRESOURCE_VERBS: Final = {
    "status": ("get", "patch", "update"),
    "scale": ("get", "patch", "update"),
    "finalize": ("update",),
    "token": ("create",),
    "binding": ("create",),
}


def answer(request: Request) -> Reply:
    """Answer a request for discovery.

    Raises:
        Refused: There is nothing at the path, or it cannot be changed.
    """
    parts = [part for part in request.path.split("/") if part]
    reply = _find(request, parts)
    if request.method not in ("GET", "HEAD"):
        raise refusals.method_not_allowed()
    return reply


def _find(request: Request, parts: list[str]) -> Reply:  # noqa: PLR0911 - one per path
    """Answer with the document at a path."""
    match parts:
        case ["version"]:
            return json_reply(200, VERSION)
        case [check, *_] if check in _HEALTH:
            return Reply(200, b"ok", content_type="text/plain; charset=utf-8")
        case ["api" | "apis"] if wanted_form(request.accept) == "discovery":
            return Reply(
                200, json_reply(200, _aggregated(core=parts == ["api"])).body, None, _AGGREGATED
            )
        case ["api"]:
            return json_reply(200, {"kind": "APIVersions", "versions": ["v1"]})
        case ["apis"]:
            groups = [_group(name) for name in _groups() if name]
            return json_reply(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        case ["apis", group] if group in _groups():
            return json_reply(200, {"kind": "APIGroup", "apiVersion": "v1", **_group(group)})
        case ["api", version]:
            return _resources("", version)
        case ["apis", group, version]:
            return _resources(group, version)
        case ["openapi", "v3"]:
            return json_reply(200, {"paths": {path: _schema_url(path) for path in _served()}})
        case ["openapi", "v3", *rest] if "/".join(rest) in _served():
            return json_reply(200, _schema("/".join(rest)))
        case _:
            raise refusals.no_such_path()


@lru_cache(maxsize=1)
def _groups() -> dict[str, list[str]]:
    """Return the versions of every group, the preferred one first."""
    groups: dict[str, list[str]] = {}
    for kind in KINDS:
        known = groups.setdefault(kind.group, [])
        known.extend(version for version in kind.versions if version not in known)
    return {name: sorted(versions, key=_age) for name, versions in groups.items()}


def _age(version: str) -> tuple[int, str]:
    stage = 1 if "beta" in version else 2 if "alpha" in version else 0
    return stage, version


def _group(name: str) -> Obj:
    versions = [{"groupVersion": f"{name}/{v}", "version": v} for v in _groups()[name]]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _kinds(group: str, version: str) -> list[Kind]:
    return [kind for kind in KINDS if kind.group == group and version in kind.versions]


def _resources(group: str, version: str) -> Reply:
    """Build the ``APIResourceList`` of a group version."""
    resources: list[Obj] = []
    for kind in _kinds(group, version):
        resource: Obj = {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": list(_STORED_VERBS) if kind.stored else ["create"],
        }
        if kind.short:
            resource["shortNames"] = list(kind.short)
        if kind.categories:
            resource["categories"] = list(kind.categories)
        resources.append(resource)
        resources.extend(
            {
                "name": f"{kind.plural}/{name}",
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": _SUBRESOURCE_KINDS.get(name, kind.kind),
                "verbs": list(_SUBRESOURCE_VERBS[name]),
            }
            for name in kind.subresources
        )
    if not resources:
        raise refusals.no_such_path()
    return json_reply(
        200,
        {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{group}/{version}" if group else version,
            "resources": resources,
        },
    )


_SUBRESOURCE_KINDS: Final = {"token": "TokenRequest", "binding": "Binding", "scale": "Scale"}


def _aggregated(*, core: bool) -> Obj:
    """Build aggregated discovery: all groups, versions and resources in one document."""
    items = [
        {
            "metadata": {"name": name, "creationTimestamp": None},
            "versions": [
                {
                    "version": version,
                    "resources": [
                        _aggregated_resource(kind, version) for kind in _kinds(name, version)
                    ],
                    "freshness": "Current",
                }
                for version in versions
            ],
        }
        for name, versions in _groups().items()
        if core == (name == "")
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _aggregated_resource(kind: Kind, version: str) -> Obj:
    """Build the entry of a kind in aggregated discovery."""
    response = {"group": kind.group, "version": version, "kind": kind.kind}
    return {
        "resource": kind.plural,
        "responseKind": response,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "shortNames": list(kind.short),
        "categories": list(kind.categories),
        "verbs": list(_STORED_VERBS) if kind.stored else ["create"],
        "subresources": [
            {
                "subresource": name,
                "responseKind": {**response, "kind": _SUBRESOURCE_KINDS.get(name, kind.kind)},
                "verbs": list(_SUBRESOURCE_VERBS[name]),
            }
            for name in kind.subresources
        ],
    }


@lru_cache(maxsize=1)
def _served() -> frozenset[str]:
    """Return the paths of all group versions, without the leading slash."""
    return frozenset(
        f"apis/{group}/{version}" if group else f"api/{version}"
        for group, versions in _groups().items()
        for version in versions
    )


def _schema_url(path: str) -> Obj:
    return {"serverRelativeURL": f"/openapi/v3/{path}?hash={VERSION['gitVersion']}"}


def _schema(path: str) -> Obj:
    """Describe a group version as far as kubectl asks: which kinds may be validated here."""
    _, *group, version = path.split("/")
    validation = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
    paths: Obj = {}
    for kind in _kinds("/".join(group), version):
        scope = "/namespaces/{namespace}" if kind.namespaced else ""
        named = {
            "group": kind.group,
            "version": version,
            "kind": kind.kind,
        }
        operation = {
            "parameters": [validation],
            "responses": {},
            "x-kubernetes-group-version-kind": named,
        }
        paths[f"/{path}{scope}/{kind.plural}/{{name}}"] = {
            "patch": {**operation, "x-kubernetes-action": "patch"},
        }
    info = {"title": "pyload", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}
