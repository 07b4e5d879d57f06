"""The webhooks of Mutating- and ValidatingWebhookConfigurations, and the requests that each is for.

A webhook is for a request if one of its rules names the operation and the resource, and if its
selectors match the namespace and the object. Its `matchConditions` are in CEL and count as met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.kinds import MUTATING_WEBHOOK, VALIDATING_WEBHOOK
from pyload.embedded.apiserver.refusals import Cause
from pyload.embedded.apiserver.selectors import read_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyload.embedded.apiserver.requests import Target
    from pyload.embedded.apiserver.selectors import LabelSelector
    from pyload.kube.resources import Obj

CONFIGURATIONS: Final = (MUTATING_WEBHOOK, VALIDATING_WEBHOOK)
"""Kinds of the objects that hold webhooks; no webhook is asked about them."""

NO_CONDITIONS: Final = "pyload does not evaluate matchConditions of webhooks: they count as met"
REVIEW_VERSIONS: Final = ("v1", "v1beta1")
_HARMLESS: Final = ("None", "NoneOnDryRun")
_DEFAULTS: Final[Obj] = {
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "timeoutSeconds": 10,
}


@dataclass(frozen=True, slots=True, eq=False)
class Webhook:
    """One webhook, as its configuration has it.

    Attributes:
        name: Its name in messages.
        client: Its ``clientConfig``: a URL or a service, and who signs its certificate.
        rules: The operations and resources that it is for.
        equivalent: Whether a rule for one version of a kind is for its others too.
        namespaces: Labels of the namespaces that it is for.
        objects: Labels of the objects that it is for.
        must_answer: Whether the request fails if the webhook does.
        timeout: Seconds that it has for an answer.
        review_version: Version of the AdmissionReview that it is sent.
    """

    name: str
    client: Obj
    rules: tuple[Obj, ...]
    equivalent: bool
    namespaces: LabelSelector
    objects: LabelSelector
    must_answer: bool
    timeout: float
    review_version: str

    def version_for(self, target: Target, operation: str) -> str:
        """Return the version in which the webhook sees the target; empty if it is not for it."""
        versions = [target.version]
        if self.equivalent:
            versions += [one for one in target.kind.versions if one != target.version]
        for version in versions:
            if any(_is_for(rule, target, version, operation) for rule in self.rules):
                return version
        return ""

    def selects(self, *objects: Obj | None) -> bool:
        """Return whether the object selector matches one of the states of an object."""
        return any(
            all(one.matches(labels.get(one.key)) for one in self.objects)
            for labels in (_labels(obj) for obj in objects if obj is not None)
        )

    def selects_namespace(self, namespace: Obj | None) -> bool:
        """Return whether the namespace selector matches; there is none for cluster-wide objects."""
        if namespace is None:
            return True
        labels = _labels(namespace)
        return all(one.matches(labels.get(one.key)) for one in self.namespaces)


def _labels(obj: Obj) -> Obj:
    return obj["metadata"].get("labels") or {}


def _is_for(rule: Obj, target: Target, version: str, operation: str) -> bool:
    scope = "Namespaced" if target.kind.namespaced else "Cluster"
    return (
        _any(rule, "operations", operation)
        and _any(rule, "apiGroups", target.kind.group)
        and _any(rule, "apiVersions", version)
        and rule.get("scope", "*") in ("*", scope)
        and any(
            _names(text, target.kind.plural, target.subresource)
            for text in rule.get("resources") or ()
        )
    )


def _any(rule: Obj, field: str, value: str) -> bool:
    given = rule.get(field) or ()
    return value in given or "*" in given


def _names(text: str, plural: str, subresource: str) -> bool:
    """Return whether ``pods``, ``pods/status``, ``pods/*``, ``*/status`` … name a resource."""
    resource, _, below = text.partition("/")
    return resource in ("*", plural) and below in ("*", subresource)


def read_webhooks(configurations: Sequence[Obj]) -> tuple[Webhook, ...]:
    """Return the webhooks of configurations, which are in the order of their names."""
    return tuple(
        _webhook(given)
        for configuration in configurations
        for given in configuration.get("webhooks") or ()
    )


def _webhook(given: Obj) -> Webhook:
    accepted = given.get("admissionReviewVersions") or ()
    return Webhook(
        name=given["name"],
        client=given["clientConfig"],
        rules=tuple(given.get("rules") or ()),
        equivalent=given["matchPolicy"] == "Equivalent",
        namespaces=read_labels(given["namespaceSelector"]),
        objects=read_labels(given["objectSelector"]),
        must_answer=given["failurePolicy"] == "Fail",
        timeout=given["timeoutSeconds"],
        review_version=next(one for one in accepted if one in REVIEW_VERSIONS),
    )


def complete(configuration: Obj) -> Obj:
    """Return a configuration with the defaults of its webhooks; the argument stays as it is."""
    mutating = configuration["kind"] == MUTATING_WEBHOOK.kind
    more = {"reinvocationPolicy": "Never"} if mutating else {}
    webhooks = []
    for given in configuration.get("webhooks") or ():
        webhook = {**_DEFAULTS, **more, **given}
        webhook["rules"] = [{"scope": "*", **rule} for rule in given.get("rules") or ()]
        client = given.get("clientConfig") or {}
        if client.get("service"):
            webhook["clientConfig"] = {**client, "service": {"port": 443, **client["service"]}}
        webhooks.append(webhook)
    return {**configuration, "webhooks": webhooks} if webhooks else configuration


def faults(configuration: Obj) -> Iterator[Cause]:
    """Yield the faults of a configuration."""
    for index, webhook in enumerate(configuration.get("webhooks") or ()):
        path = f"webhooks[{index}]"
        name = webhook.get("name", "")
        if not name:
            yield Cause.required(f"{path}.name")
        elif name.count(".") < 2:
            text = "should be a domain with at least three segments separated by dots"
            yield Cause.invalid(f"{path}.name", name, text)
        client = webhook.get("clientConfig") or {}
        if bool(client.get("url")) == bool(client.get("service")):
            text = "exactly one of url or service is required"
            yield Cause.required(f"{path}.clientConfig", text)
        if webhook.get("sideEffects") not in _HARMLESS:
            text = "must specify one of None, NoneOnDryRun"
            yield Cause.required(f"{path}.sideEffects", text)
        if not {*(webhook.get("admissionReviewVersions") or ())} & {*REVIEW_VERSIONS}:
            text = f"must specify one of {', '.join(REVIEW_VERSIONS)}"
            yield Cause.required(f"{path}.admissionReviewVersions", text)


def has_conditions(configuration: Obj) -> bool:
    """Return whether a webhook of a configuration has conditions in CEL."""
    return any(one.get("matchConditions") for one in configuration.get("webhooks") or ())
