"""From the API server's refusals to errors that name a fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.errors import ApiError, Conflict, Forbidden, Gone, NotFound, TooManyRequests
from pyload.kube.resources import locate

if TYPE_CHECKING:
    from pyload.kube.resources import Location

_CLASSES: Final[dict[int, type[ApiError]]] = {
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    429: TooManyRequests,
}
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_SHOWN: Final = 256


def error_from(
    method: str,
    path: str,
    status: int,
    body: bytes,
    *,
    watch: bool = False,
    retry_after: float | None = None,
) -> ApiError:
    """Return the error for an answer that is not a success.

    Args:
        method: HTTP method of the request.
        path: Its path.
        status: HTTP status of the answer.
        body: A Kubernetes Status, or whatever else came.
        watch: Whether the request was a watch.
        retry_after: Seconds that the server asked to wait.
    """
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    is_status = isinstance(parsed, dict) and parsed.get("kind") == "Status"
    if not is_status:
        parsed = {"message": body[:_SHOWN].decode("utf-8", "replace").strip()}
    error = error_from_status(
        method, path, parsed, code=status, watch=watch, retry_after=retry_after
    )
    if status == 404 and not is_status:
        error.fix = _not_served(path)
    return error


def error_from_status(
    method: str,
    path: str,
    status: dict[str, Any],
    *,
    code: int = 500,
    watch: bool = False,
    retry_after: float | None = None,
) -> ApiError:
    """Return the error for a Kubernetes Status object.

    Args:
        method: HTTP method of the request.
        path: Its path.
        status: The object.
        code: HTTP status to assume where the object has none.
        watch: Whether the request was a watch.
        retry_after: Seconds that the server asked to wait.
    """
    given = status.get("code")
    code = given if isinstance(given, int) and given else code
    message = str(status.get("message") or "")
    return _CLASSES.get(code, ApiError)(
        status=code,
        reason=str(status.get("reason") or ""),
        message=message,
        verb=method,
        path=path,
        retry_after=retry_after,
        fix=_fix(method, path, code, message, watch=watch),
    )


def not_json(method: str, path: str, status: int, body: bytes) -> ApiError:
    """Return the error for a success whose body is no JSON object."""
    text = body[:80].decode("utf-8", "replace")
    return ApiError(
        status=status,
        reason="",
        message=f"the answer is not a JSON object but {text!r}",
        verb=method,
        path=path,
        fix="check that the address in the kubeconfig is a Kubernetes API server's",
    )


def _fix(method: str, path: str, status: int, message: str, *, watch: bool) -> str:
    if status == 401:
        return (
            "the credentials in the kubeconfig are wrong or have expired: log in again, "
            "or name another file with --kubeconfig"
        )
    if status == 403:
        return _allow(method, path, message, watch=watch)
    if status == 404 and "could not find the requested resource" in message:
        return _not_served(path)
    if status == 429:
        return "the API server is overloaded: lower --qps"
    return ""


def _allow(method: str, path: str, message: str, *, watch: bool) -> str:
    if "exceeded quota" in message:
        return "raise or remove the ResourceQuota of the namespace"
    if "being terminated" in message:
        return "wait until the namespace is gone, then start again"
    where = locate(path)
    if where is None:
        return "give the account a role that allows this"
    verb = "watch" if watch else _verb(method, where)
    resource = f"{where.plural}/{where.subresource}" if where.subresource else where.plural
    group = f'API group "{where.group}"' if where.group else "the core API group"
    scope = f"Role in namespace {where.namespace}" if where.namespace else "ClusterRole"
    return (
        f'the account lacks the verb "{verb}" on "{resource}" of {group}: '
        f"grant it through RBAC ({scope} and binding), or use another account"
    )


def _verb(method: str, where: Location) -> str:
    if method == "GET":
        return "get" if where.name else "list"
    return _VERBS.get(method, method.lower())


def _not_served(path: str) -> str:
    where = locate(path)
    if where is None or not where.group:
        return "check that the address in the kubeconfig is a Kubernetes API server's"
    return (
        f"{where.plural} of {where.group}/{where.version} are not served by this cluster: "
        "install their CustomResourceDefinitions"
    )
