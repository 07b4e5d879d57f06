"""Discovery: groups, versions, resources, schemas and health of the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import absent, refusals
from pyload.embedded.apiserver.definitions import by_priority
from pyload.embedded.apiserver.requests import Reply, Request, json_reply, wanted_form
from pyload.embedded.apiserver.schemas import openapi

if TYPE_CHECKING:
    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.registry import KindRegistry
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
_SWAGGER: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_NO_SWAGGER: Final = b"\n\x032.0\x12\x0b\n\x06pyload\x12\x010"
"""OpenAPI v2 that describes nothing: version 2.0, with a title and a version of its own.

Kubectl asks for it, in protobuf, to check a List, and leaves to the server what it does not find.
"""

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
    "eviction": ("create",),
}


# Group, version and kind of what is sent to a subresource, where that is not the object itself.
_SUBRESOURCE_KINDS: Final = {
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
    "binding": ("", "v1", "Binding"),
    "eviction": ("policy", "v1", "Eviction"),
    "scale": ("autoscaling", "v1", "Scale"),
}


class Discovery:
    """Answers requests for discovery.

    Args:
        kinds: The kinds that are served.
    """

    def __init__(self, kinds: KindRegistry) -> None:
        self._kinds = kinds
        # Versions by group, as of a revision of the kinds.
        self._known: tuple[int, dict[str, tuple[str, ...]]] = (-1, {})
        # Descriptions by path, as of a revision of the kinds.
        self._documents: tuple[int, dict[str, Reply]] = (-1, {})

    def answer(self, request: Request) -> Reply:
        """Answer a request.

        Raises:
            Refused: There is nothing at the path, or it cannot be changed.
        """
        parts = [part for part in request.path.split("/") if part]
        reply = self._find(request, parts)
        if request.method not in ("GET", "HEAD"):
            raise refusals.method_not_allowed()
        return reply

    def _find(self, request: Request, parts: list[str]) -> Reply:  # noqa: PLR0911 - one per path
        """Answer with the document at a path."""
        match parts:
            case ["version"]:
                return json_reply(200, VERSION)
            case [check, *_] if check in _HEALTH:
                return Reply(200, b"ok", content_type="text/plain; charset=utf-8")
            case ["api" | "apis"] if wanted_form(request.accept) == "discovery":
                document = self._aggregated(core=parts == ["api"])
                return Reply(200, json_reply(200, document).body, None, _AGGREGATED)
            case ["api"]:
                return json_reply(200, {"kind": "APIVersions", "versions": ["v1"]})
            case ["apis"]:
                groups = [self._group(name) for name in self._groups() if name]
                listed = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
                return json_reply(200, listed)
            case ["apis", group] if group in self._groups():
                one = {"kind": "APIGroup", "apiVersion": "v1", **self._group(group)}
                return json_reply(200, one)
            case ["api", version]:
                return self._resources("", version)
            case ["apis", group, version]:
                return self._resources(group, version)
            case ["openapi", "v2"] if "openapi.spec.v2" in request.accept:
                return Reply(200, _NO_SWAGGER, None, _SWAGGER)
            case ["openapi", "v3"]:
                paths = {path: self._schema_url(path) for path in self._served()}
                return json_reply(200, {"paths": paths})
            case ["openapi", "v3", *rest] if "/".join(rest) in self._served():
                return self._schema("/".join(rest))
            case _:
                raise absent.refusal(request.path)

    def _groups(self) -> dict[str, tuple[str, ...]]:
        """Return the versions of every group, the preferred one first."""
        revision, groups = self._known
        if revision != self._kinds.revision:
            found: dict[str, dict[str, None]] = {}
            for kind in self._kinds:
                found.setdefault(kind.group, {}).update(dict.fromkeys(kind.versions))
            groups = {name: by_priority(versions) for name, versions in found.items() if versions}
            self._known = self._kinds.revision, groups
        return groups

    def _group(self, name: str) -> Obj:
        versions = [{"groupVersion": f"{name}/{v}", "version": v} for v in self._groups()[name]]
        return {"name": name, "versions": versions, "preferredVersion": versions[0]}

    def _of(self, group: str, version: str) -> list[Kind]:
        return [kind for kind in self._kinds.of_group(group) if version in kind.versions]

    def _resources(self, group: str, version: str) -> Reply:
        """Build the ``APIResourceList`` of a group version."""
        resources = [one for kind in self._of(group, version) for one in _listed(kind)]
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

    def _aggregated(self, *, core: bool) -> Obj:
        """Build aggregated discovery: all groups, versions and resources in one document."""
        items = [
            {
                "metadata": {"name": name, "creationTimestamp": None},
                "versions": [
                    {
                        "version": version,
                        "resources": [
                            _aggregated_resource(kind, version) for kind in self._of(name, version)
                        ],
                        "freshness": "Current",
                    }
                    for version in versions
                ],
            }
            for name, versions in self._groups().items()
            if core == (name == "")
        ]
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": items,
        }

    def _served(self) -> set[str]:
        """Return the paths of all group versions, without the leading slash."""
        return {
            f"apis/{group}/{version}" if group else f"api/{version}"
            for group, versions in self._groups().items()
            for version in versions
        }

    def _schema_url(self, path: str) -> Obj:
        # Clients keep what they have read under this hash.
        hash_ = f"{VERSION['gitVersion']}-{self._kinds.revision}"
        return {"serverRelativeURL": f"/openapi/v3/{path}?hash={hash_}"}

    def _schema(self, path: str) -> Reply:
        """Describe the kinds of a group version; done once while the kinds stay."""
        revision, documents = self._documents
        if revision != self._kinds.revision:
            documents = {}
            self._documents = self._kinds.revision, documents
        if path not in documents:
            _, *group, version = path.split("/")
            documents[path] = json_reply(
                200,
                openapi.document(
                    path,
                    version,
                    self._of("/".join(group), version),
                    server=VERSION["gitVersion"],
                ),
            )
        return documents[path]


def _listed(kind: Kind) -> list[Obj]:
    """Return the entries of a kind and its subresources in an ``APIResourceList``."""
    resource: Obj = {
        "name": kind.plural,
        "singularName": kind.singular_name,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(_STORED_VERBS) if kind.stored else ["create"],
    }
    if kind.short:
        resource["shortNames"] = list(kind.short)
    if kind.categories:
        resource["categories"] = list(kind.categories)
    return [
        resource,
        *(
            {
                "name": f"{kind.plural}/{name}",
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": kind.kind,
                **_sent_to(name),
                "verbs": list(_SUBRESOURCE_VERBS[name]),
            }
            for name in kind.subresources
        ),
    ]


def _sent_to(subresource: str) -> Obj:
    """Return group, version and kind of what a subresource takes; empty for the object's own."""
    named = _SUBRESOURCE_KINDS.get(subresource, ())
    return dict(zip(("group", "version", "kind"), named, strict=False))


def _aggregated_resource(kind: Kind, version: str) -> Obj:
    """Build the entry of a kind in aggregated discovery."""
    response = {"group": kind.group, "version": version, "kind": kind.kind}
    return {
        "resource": kind.plural,
        "responseKind": response,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular_name,
        "shortNames": list(kind.short),
        "categories": list(kind.categories),
        "verbs": list(_STORED_VERBS) if kind.stored else ["create"],
        "subresources": [
            {
                "subresource": name,
                "responseKind": {**response, **_sent_to(name)},
                "verbs": list(_SUBRESOURCE_VERBS[name]),
            }
            for name in kind.subresources
        ],
    }
