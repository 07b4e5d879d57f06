"""The AdmissionReview that a webhook is sent, and what its answer means."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.embedded.apiserver.patches import patch
from pyload.embedded.apiserver.refusals import Refused

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Target
    from pyload.embedded.apiserver.webhooks.admission import Question
    from pyload.embedded.apiserver.webhooks.configurations import Webhook
    from pyload.kube.resources import Obj

_OPTIONS: Final = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}


def review(question: Question, webhook: Webhook, version: str, *, obj: Obj | None, uid: str) -> Obj:
    """Return the AdmissionReview that a webhook is sent.

    Args:
        question: What it is about.
        webhook: The webhook.
        version: The version in which it sees the object.
        obj: The object as the webhooks before it left it.
        uid: A fresh identifier, which the answer repeats.
    """
    target = question.target
    kind = target.kind
    seen = kind.api_version_of(version)
    named: Obj = {"name": target.name or ((obj or {}).get("metadata") or {}).get("name", "")}
    if target.namespace:
        named["namespace"] = target.namespace
    below = target.subresource
    return {
        "kind": "AdmissionReview",
        "apiVersion": f"admission.k8s.io/{webhook.review_version}",
        "request": {
            "uid": uid,
            "kind": {"group": kind.group, "version": version, "kind": kind.kind},
            "resource": {"group": kind.group, "version": version, "resource": kind.plural},
            **({"subResource": below, "requestSubResource": below} if below else {}),
            "requestKind": {"group": kind.group, "version": target.version, "kind": kind.kind},
            "requestResource": {
                "group": kind.group,
                "version": target.version,
                "resource": kind.plural,
            },
            **{field: value for field, value in named.items() if value},
            "operation": question.operation,
            "userInfo": question.user.to_obj(),
            "object": obj and {**obj, "apiVersion": seen},
            "oldObject": question.old and {**question.old, "apiVersion": seen},
            "dryRun": question.dry_run,
            "options": {
                "kind": _OPTIONS[question.operation],
                "apiVersion": "meta.k8s.io/v1",
                **({"dryRun": ["All"]} if question.dry_run else {}),
            },
        },
    }


class WebhookError(Exception):
    """A webhook cannot be asked, or answers something else than a review."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A webhook's answer.

    Attributes:
        patch: The operations of the JSON patch that it wants; empty for none.
        warnings: What kubectl shows.
    """

    patch: tuple[Obj, ...] = ()
    warnings: tuple[str, ...] = ()


def read_verdict(raw: bytes, webhook: Webhook, *, uid: str) -> Verdict:
    """Read a webhook's answer.

    Raises:
        Refused: It denies the request.
        WebhookError: It is no answer to the review with this identifier.
    """
    try:
        answer: Any = orjson.loads(raw)["response"]
        found, allowed, status = answer.get("uid"), answer["allowed"], answer.get("status")
        warnings = tuple(str(one) for one in answer.get("warnings") or ())
        encoded, type_ = answer.get("patch"), answer.get("patchType")
        operations = orjson.loads(base64.b64decode(encoded)) if encoded else []
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise WebhookError(f"expected an AdmissionReview with a response: {error!r}") from error
    if found != uid:
        raise WebhookError(f'expected response.uid="{uid}", got "{found}"')
    if not allowed:
        raise _denied(webhook, status if isinstance(status, dict) else {})
    if encoded and type_ != "JSONPatch":
        raise WebhookError(f'webhook returned response.patchType="{type_}", expected "JSONPatch"')
    return Verdict(tuple(operations), warnings)


def patched(obj: Obj, verdict: Verdict, target: Target) -> Obj:
    """Return an object as a verdict wants it, in the version in which objects are kept.

    Raises:
        Refused: The patch cannot be applied.
    """
    try:
        changed: Obj = patch.json_patch(obj, list(verdict.patch))
    except Refused as error:
        raise _own_fault(str(error.what)) from error
    return {**changed, "kind": target.kind.kind, "apiVersion": target.kind.api_version}


def _denied(webhook: Webhook, status: Obj) -> Refused:
    message = f'admission webhook "{webhook.name}" denied the request'
    why = status.get("message") or status.get("reason")
    message += f": {why}" if why else " without explanation"
    code = max(int(status.get("code") or 0), 400)
    return Refused(code, status.get("reason") or "", message, details=status.get("details"))


def failed(webhook: Webhook, why: str) -> Refused:
    """Return the refusal of a request whose webhook failed."""
    return _own_fault(f'failed calling webhook "{webhook.name}": {why}')


def _own_fault(message: str) -> Refused:
    details = {"causes": [{"message": message}]}
    text = f"Internal error occurred: {message}"
    return Refused(500, "InternalError", text, details=details)
