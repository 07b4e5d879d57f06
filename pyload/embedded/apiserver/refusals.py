"""The API server's error answers: an HTTP status code and a Kubernetes Status object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.errors import PyloadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.kube.resources import Obj


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong with an object.

    Attributes:
        field: Path of the field, such as ``spec.containers[0].name``.
        message: What is wrong with it.
        reason: Kubernetes' reason, such as ``FieldValueRequired``.
    """

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    @classmethod
    def required(cls, field: str, detail: str = "") -> Cause:
        """Report a missing field."""
        text = f"Required value: {detail}" if detail else "Required value"
        return cls(field, text, "FieldValueRequired")

    @classmethod
    def invalid(cls, field: str, value: object, detail: str) -> Cause:
        """Report a field with a wrong value."""
        return cls(field, f"Invalid value: {_shown(value)}: {detail}", "FieldValueInvalid")

    @classmethod
    def unsupported(cls, field: str, value: object, choices: Sequence[object]) -> Cause:
        """Report a value that is none of those to choose from."""
        listed = ", ".join(_shown(one) for one in choices)
        text = f"Unsupported value: {_shown(value)}: supported values: {listed}"
        return cls(field, text, "FieldValueNotSupported")

    @classmethod
    def forbidden(cls, field: str, detail: str) -> Cause:
        """Report a field that may not be set or changed."""
        return cls(field, f"Forbidden: {detail}", "FieldValueForbidden")

    @classmethod
    def duplicate(cls, field: str, value: object) -> Cause:
        """Report a value that occurs twice."""
        return cls(field, f'Duplicate value: "{value}"', "FieldValueDuplicate")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


class Refused(PyloadError):  # noqa: N818 - reads as a state
    """Raised within the API server to answer a request with an error; never leaves it.

    Args:
        code: HTTP status code.
        reason: ``reason`` of the Status.
        message: ``message`` of the Status.
        details: ``details`` of the Status.
        continue_token: ``metadata.continue`` of the Status, or empty.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Obj | None = None,
        continue_token: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details
        self.continue_token = continue_token

    def to_status(self) -> Obj:
        """Return the Status object."""
        status: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.continue_token} if self.continue_token else {},
            "status": "Failure",
            "message": self.what,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status


SUCCESS: Final[Obj] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def success(kind: Kind, name: str, uid: str) -> Obj:
    """Return the Status that answers a completed deletion."""
    details: Obj = {"name": name, "kind": kind.plural, "uid": uid}
    if kind.group:
        details["group"] = kind.group
    return {**SUCCESS, "details": details}


def _details(kind: Kind, name: str) -> Obj:
    details: Obj = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    details["kind"] = kind.plural
    return details


def out_of_memory() -> Refused:
    """Refuse a request that there is no memory for; it may be sent again later."""
    details = {"retryAfterSeconds": 1}
    return Refused(503, "ServiceUnavailable", "the server has no memory left", details=details)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is for a lack of memory; orjson calls that a fault of the JSON."""
    return isinstance(error, MemoryError) or "Not enough memory" in str(error)


def internal_error(error: Exception) -> Refused:
    """Refuse a request that a fault of the server's own has ended."""
    return Refused(500, "InternalError", f"Internal error occurred: {error!r}")


def unauthorized() -> Refused:
    """Refuse a request whose user is not known."""
    return Refused(401, "Unauthorized", "Unauthorized")


def not_found(kind: Kind, name: str) -> Refused:
    """The object is not there."""
    message = f'{kind.qualified} "{name}" not found'
    return Refused(404, "NotFound", message, details=_details(kind, name))


def no_such_path(why: str = "") -> Refused:
    """The server serves nothing at this path."""
    message = why or "the server could not find the requested resource"
    return Refused(404, "NotFound", message)


def not_implemented(why: str) -> Refused:
    """A real server could do it."""
    return Refused(501, "NotImplemented", why)


def already_exists(kind: Kind, name: str) -> Refused:
    """An object of this name is there already."""
    message = f'{kind.qualified} "{name}" already exists'
    return Refused(409, "AlreadyExists", message, details=_details(kind, name))


def conflict(kind: Kind, name: str, why: str) -> Refused:
    """The object has changed since it was read, or a precondition does not hold."""
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return Refused(409, "Conflict", message, details=_details(kind, name))


def undeletable(kind: Kind, name: str, why: str) -> Refused:
    """A precondition of a deletion does not hold."""
    # A real server has the kind in this one message where others have the resource.
    shown = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    message = f'Operation cannot be fulfilled on {shown} "{name}": {why}'
    return Refused(409, "Conflict", message, details={**_details(kind, name), "kind": kind.kind})


def modified(kind: Kind, name: str) -> Refused:
    """The object's resourceVersion is not the one that was read."""
    return conflict(
        kind,
        name,
        "the object has been modified; please apply your changes to the latest version and try "
        "again",
    )


def forbidden(kind: Kind, name: str, why: str, *, causes: Sequence[Obj] = ()) -> Refused:
    """Admission refuses the request."""
    details = _details(kind, name)
    if causes:
        details["causes"] = list(causes)
    message = f'{kind.qualified} "{name}" is forbidden: {why}'
    return Refused(403, "Forbidden", message, details=details)


def namespace_ends(kind: Kind, name: str, namespace: str) -> Refused:
    """The namespace is being deleted, so it takes no further objects."""
    what = f"namespace {namespace} is being terminated"
    cause = {"reason": "NamespaceTerminating", "message": what, "field": "metadata.namespace"}
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    return forbidden(kind, name, why, causes=[cause])


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> Refused:
    """The object is wrong; all causes at once."""
    shown = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    return _invalid(shown, name, {**_details(kind, name), "kind": kind.kind}, causes)


def invalid_options(kind: str, causes: Sequence[Cause]) -> Refused:
    """The options of a request are wrong; all causes at once."""
    group = "meta.k8s.io"
    return _invalid(f"{kind}.{group}", "", {"group": group, "kind": kind}, causes)


def _invalid(shown: str, name: str, details: Obj, causes: Sequence[Cause]) -> Refused:
    texts = [f"{cause.field}: {cause.message}" for cause in causes]
    text = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details["causes"] = [
        {"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes
    ]
    return Refused(422, "Invalid", f'{shown} "{name}" is invalid: {text}', details=details)


def version_given() -> Refused:
    """An object that is to be created has a version, which a real server calls its own fault."""
    return Refused(500, "", "resourceVersion should not be set on objects to be created")


def version_required(kind: Kind, name: str) -> Refused:
    """The kind's objects are replaced only by who says which version that is of."""
    text = "must be specified for an update"
    refused = invalid(kind, name, [Cause.invalid("metadata.resourceVersion", 0, text)])
    # A real server has the resource in this one message where others have the kind.
    _, _, why = refused.what.partition(" ")
    details = {**(refused.details or {}), "kind": kind.plural}
    return Refused(422, "Invalid", f"{kind.qualified} {why}", details=details)


def invalid_request(kind: str, why: str) -> Refused:
    """The options of a request, or an object that is not stored, are wrong."""
    return Refused(422, "Invalid", f'{kind} "" is invalid: {why}')


def bad_request(message: str) -> Refused:
    """The request makes no sense."""
    return Refused(400, "BadRequest", message)


def name_required(name: str) -> Refused:
    """An object is to be created at a path with its name, and does not say its name itself."""
    why = "was undeterminable: name must be provided"
    return bad_request(f"the name of the object ({name} based on URL) {why}")


def method_not_allowed() -> Refused:
    """The path does not take this method."""
    message = "the server does not allow this method on the requested resource"
    return Refused(405, "MethodNotAllowed", message)


def definition_ends() -> Refused:
    """The kind's definition is being deleted, so it takes no further objects."""
    message = "create not allowed while custom resource definition is terminating"
    return Refused(405, "MethodNotAllowed", message)


def body_too_large(limit: int) -> Refused:
    """The body has more bytes than the server reads."""
    message = f"Request entity too large: limit is {limit}"
    return Refused(413, "RequestEntityTooLarge", message)


def unsupported_media_type(
    accepted: Sequence[str], why: str = "was in an unknown format"
) -> Refused:
    """The body has a content type that the path does not take."""
    accepted_types = ", ".join(accepted)
    message = f"the body of the request {why} - accepted media types include: {accepted_types}"
    return Refused(415, "UnsupportedMediaType", message)


def not_acceptable(offered: Sequence[str]) -> Refused:
    """The client accepts no format that the server can give."""
    message = "only the following media types are accepted: " + ", ".join(offered)
    return Refused(406, "NotAcceptable", message)


def too_many_requests(message: str, *causes: Obj, retry_after: int = 0) -> Refused:
    """The request may come again, after some seconds where their number is known."""
    details: Obj = {"causes": list(causes)}
    if retry_after:
        details["retryAfterSeconds"] = retry_after
    return Refused(429, "TooManyRequests", message, details=details)


def too_old(asked: int, oldest: int) -> Refused:
    """The history no longer reaches back to the revision asked for."""
    return Refused(410, "Expired", f"too old resource version: {asked} ({oldest})")


def too_large(asked: int, current: int) -> Refused:
    """The revision asked for does not exist yet."""
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    details = {"causes": [cause], "retryAfterSeconds": 1}
    return Refused(504, "Timeout", message, details=details)


def continue_expired(token: str) -> Refused:
    """The snapshot behind a continue token is gone; the new token goes on without it."""
    message = (
        "The provided continue parameter is too old to display a consistent list result. "
        "You can start a new list without the continue parameter, or use the continue token in "
        "this response to retrieve the remainder of the results. Continuing with the provided "
        "token results in an inconsistent list - objects that were created, modified, or deleted "
        "between the time the first chunk was returned and now may show up in the list."
    )
    return Refused(410, "Expired", message, continue_token=token)
