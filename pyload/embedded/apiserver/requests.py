"""Requests to the API server, and the object or collection that a path means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

import orjson
import yaml

from pyload.embedded.apiserver import protobuf, refusals
from pyload.embedded.apiserver.access.users import EVERYBODY
from pyload.embedded.apiserver.versions import in_version
from pyload.kube.resources import locate
from pyload.kube.transport import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.apiserver.access.users import User
    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.registry import KindRegistry
    from pyload.embedded.apiserver.webhooks.admission import Decision
    from pyload.kube.resources import Obj

JSON: Final = "application/json"
YAML: Final = "application/yaml"
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"

_LARGE_BODY: Final = 1 << 14
_MEMORY_PER_BYTE: Final = 18
"""What orjson may need for a byte of JSON: 12 bytes while it reads, and text of 4 each."""

_TRUE: Final = frozenset(("1", "t", "T", "true", "TRUE", "True"))


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as the audit log shows it.

    Attributes:
        verb: ``get``, ``list``, ``watch``, ``create``, ``update``, ``patch``, ``delete`` or
            ``deletecollection``; the lower-case method where no object is meant.
        method: HTTP method.
        path: Path without the query.
        query: Query parameters.
        body: The decoded body, or None.
        content_type: Media type of the body, without parameters.
        accept: The ``Accept`` header; empty accepts JSON.
        user_agent: The ``User-Agent`` header.
        user: Who it is from.
        broken: Why the body could not be read, or None.
        target: The object or collection that the path means; None if it means neither.
        decisions: What webhooks have decided about it so far.
    """

    verb: str
    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    content_type: str = JSON
    accept: str = ""
    user_agent: str = ""
    user: User = EVERYBODY
    broken: refusals.Refused | None = None
    target: Target | None = None
    decisions: tuple[Decision, ...] = ()

    def flag(self, name: str) -> bool:
        """Return whether a query parameter is true."""
        return self.query.get(name, "") in _TRUE

    def number(self, name: str) -> int | None:
        """Read a query parameter that counts something, or None.

        Raises:
            Refused: It is not a number.
        """
        text = self.query.get(name, "")
        if not text:
            return None
        if not text.removeprefix("-").isdecimal():
            raise refusals.bad_request(f"invalid {name}: {text!r} is not a number")
        return int(text)

    @property
    def dry_run(self) -> bool:
        """Whether nothing may be stored.

        Raises:
            Refused: ``dryRun`` has another value than ``All``.
        """
        asked = self.query.get("dryRun", "")
        if not asked and self.method == "DELETE" and isinstance(self.body, dict):
            asked = ",".join(self.body.get("dryRun") or ())
        if asked not in ("", "All"):
            text = f'Unsupported value: ["{asked}"]: supported values: "All"'
            cause = refusals.Cause("dryRun", text, "FieldValueNotSupported")
            kind = _VERBS.get(self.method, "delete").capitalize() + "Options"
            raise refusals.invalid_options(kind, [cause])
        return bool(asked)


@dataclass(frozen=True, slots=True)
class Reply(Response):
    """A whole answer, with the headers that `Response` leaves out.

    Attributes:
        content_type: Media type of the body.
        warnings: What kubectl shows beside the answer.
    """

    content_type: str = JSON
    warnings: tuple[str, ...] = ()


def json_reply(code: int, body: object) -> Reply:
    """Return an answer with a JSON body."""
    return Reply(code, orjson.dumps(body))


def refused_reply(error: refusals.Refused) -> Reply:
    """Return an answer with the Status of an error."""
    again = (error.details or {}).get("retryAfterSeconds")
    return Reply(error.code, orjson.dumps(error.to_status()), again)


def object_reply(code: int, obj: Obj, target: Target) -> Reply:
    """Return an answer with an object that is not stored, in the version asked for."""
    return Reply(code, orjson.dumps(in_version(obj, target.api_version)), content_type=JSON)


class Target(NamedTuple):
    """The object or collection that a path means.

    Attributes:
        kind: The kind of objects.
        api_version: The version asked for.
        namespace: The namespace, or empty.
        name: The object, or empty for the collection.
        subresource: What below the object, or empty.
    """

    kind: Kind
    api_version: str
    namespace: str
    name: str
    subresource: str

    @property
    def version(self) -> str:
        """The version asked for, without its group."""
        return self.api_version.rpartition("/")[2]


def parse_target(path: str, kinds: KindRegistry) -> Target | None:
    """Read a path; None where it is not about objects of a served kind."""
    where = locate(unquote(path))
    kind = kinds.find(where.group, where.version, where.plural) if where else None
    if where is None or kind is None:
        return None
    if where.subresource and where.subresource not in kind.subresources:
        return None
    if where.namespace and not kind.namespaced:
        return None
    if where.name and kind.namespaced and not where.namespace:
        return None
    version = kind.api_version_of(where.version)
    return Target(kind, version, where.namespace, where.name, where.subresource)


_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch"}


def verb_of(method: str, target: Target | None, query: Mapping[str, str]) -> str:
    """Name a request as the audit log does."""
    if target is None:
        return method.lower()
    if method in ("GET", "HEAD"):
        if target.name:
            return "get"
        return "watch" if query.get("watch", "") in _TRUE else "list"
    if method == "DELETE":
        return "delete" if target.name else "deletecollection"
    return _VERBS.get(method, method.lower())


@lru_cache(maxsize=256)
def wanted_form(accept: str) -> str:
    """Choose how to answer: ``object``, ``metadata``, ``table``, or ``discovery`` (aggregated).

    Raises:
        Refused: The client accepts nothing that the server can give.
    """
    for part in accept.split(",") if accept else (JSON,):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        if media not in (JSON, "application/*", "*/*"):
            continue
        options = dict(option.split("=", 1) for option in parameters if "=" in option)
        form = options.get("as", "")
        if not form:
            return "object"
        if form.startswith("PartialObjectMetadata") and options.get("v") == "v1":
            return "metadata"
        if form == "Table" and options.get("v") == "v1":
            return "table"
        if form == "APIGroupDiscoveryList" and options.get("v") == "v2":
            return "discovery"
    raise refusals.not_acceptable((JSON,))


def read_request(
    method: str,
    path: str,
    query: Mapping[str, str],
    raw: bytes | None,
    content_type: str = "",
    *,
    kinds: KindRegistry,
    accept: str = "",
    user_agent: str = "",
    user: User = EVERYBODY,
) -> Request:
    """Build a request from the parts of an HTTP request, and the kinds that are served."""
    target = parse_target(path, kinds)
    media = content_type.partition(";")[0].strip() or JSON
    body: Any = None
    broken: refusals.Refused | None = None
    if raw:
        try:
            body = decode_body(raw, media, keeps_nulls=_is_custom(target))
        except refusals.Refused as error:
            broken = error
    return Request(
        verb=verb_of(method, target, query),
        method=method,
        path=path,
        query=query,
        body=body,
        content_type=media,
        accept=accept,
        user_agent=user_agent,
        user=user,
        broken=broken,
        target=target,
    )


def _is_custom(target: Target | None) -> bool:
    """Return whether a body is a custom object, whose schema says where nulls are values."""
    return target is not None and bool(target.kind.custom) and target.subresource in ("", "status")


class _Loader(yaml.CSafeLoader):
    """Reads YAML into what JSON can hold: timestamps stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def decode_body(raw: bytes, content_type: str, *, keeps_nulls: bool = False) -> Any:
    """Read a body.

    Nulls are left out where they mean "not set": everywhere but in patches that use them to remove,
    and in custom objects.

    Raises:
        Refused: The body is in no known format, or broken.
    """
    if content_type == protobuf.MEDIA_TYPE:
        return _decode_protobuf(raw)
    if content_type not in _READABLE:
        raise refusals.unsupported_media_type((JSON, YAML))
    try:
        if content_type in (YAML, APPLY_PATCH) and not raw.lstrip().startswith(b"{"):
            body = yaml.load(raw, Loader=_Loader)  # noqa: S506 - derived from the safe loader
            has_nulls = True
        else:
            if len(raw) > _LARGE_BODY:
                # Raises MemoryError where orjson would crash the process.
                bytearray(_MEMORY_PER_BYTE * len(raw))
            body = orjson.loads(raw)
            has_nulls = b"null" in raw
    except (ValueError, yaml.YAMLError) as error:
        if refusals.is_out_of_memory(error):
            raise refusals.out_of_memory() from error
        raise refusals.bad_request(f"couldn't get version/kind; {error}") from error
    if has_nulls and not keeps_nulls and content_type not in _NULLS_MATTER:
        _remove_nulls(body)
    return body


def _decode_protobuf(raw: bytes) -> Any:
    try:
        return protobuf.decode(raw)
    except LookupError as error:
        why = f"has {error}, which this server does not know in protobuf"
        raise refusals.unsupported_media_type((JSON, YAML), why) from error
    except ValueError as error:
        raise refusals.bad_request(f"couldn't get version/kind; {error}") from error


_NULLS_MATTER: Final = frozenset((MERGE_PATCH, JSON_PATCH, STRATEGIC_PATCH))
_READABLE: Final = frozenset((JSON, YAML, APPLY_PATCH, *_NULLS_MATTER))


def _remove_nulls(value: Any) -> None:
    """Remove the fields of a fresh body that are null."""
    if value.__class__ is list:
        for item in value:
            if item.__class__ is dict or item.__class__ is list:
                _remove_nulls(item)
    elif value.__class__ is dict:
        unset = []
        for name, item in value.items():
            if item is None:
                unset.append(name)
            elif item.__class__ is dict or item.__class__ is list:
                _remove_nulls(item)
        for name in unset:
            del value[name]
