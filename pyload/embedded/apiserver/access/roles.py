"""What users may do, as reviews of access show it; requests themselves are never refused.

Service accounts may do in a namespace what the roles say that are bound to them. They may do
everything outside of namespaces, and all other users may do everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.kinds import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    ROLE,
    ROLE_BINDING,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.embedded.apiserver.access.users import User
    from pyload.embedded.apiserver.store import Store
    from pyload.kube.resources import Obj

_ANY_OBJECT: Final[Obj] = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
_ANY_PATH: Final[Obj] = {"verbs": ["*"], "nonResourceURLs": ["*"]}


def allows(store: Store, user: User, asked: Obj) -> bool:
    """Return whether a user may do something.

    Args:
        store: Where the roles are.
        user: The user.
        asked: ``resourceAttributes`` of a review; empty for what is not about objects.
    """
    namespace = asked.get("namespace") or ""
    if user.account is None or not namespace:
        return True
    return any(_covers(rule, asked) for rule in _rules(store, user, namespace))


def rules_of(store: Store, user: User, namespace: str) -> Obj:
    """Return what a user may do in a namespace, as the status of a SelfSubjectRulesReview."""
    allowed = [_ANY_OBJECT] if user.account is None else list(_rules(store, user, namespace))
    return {"resourceRules": allowed, "nonResourceRules": [_ANY_PATH], "incomplete": False}


def _rules(store: Store, user: User, namespace: str) -> Iterator[Obj]:
    """Yield the rules about objects of all roles that are bound to a service account."""
    for kind, within in ((ROLE_BINDING, namespace), (CLUSTER_ROLE_BINDING, "")):
        for binding in store.entries(kind, within):
            if any(_is_of(subject, user) for subject in binding.obj.get("subjects") or ()):
                ref = binding.obj["roleRef"]
                is_local = ref.get("kind") == ROLE.kind
                role = store.get(
                    ROLE if is_local else CLUSTER_ROLE, namespace if is_local else "", ref["name"]
                )
                for rule in (role.obj.get("rules") or ()) if role else ():
                    if rule.get("resources"):
                        yield rule


def _is_of(subject: Obj, user: User) -> bool:
    """Return whether a subject of a binding is a user, or a group that the user is in."""
    match subject["kind"]:
        case "ServiceAccount":
            return (subject.get("namespace", ""), subject["name"]) == user.account
        case "Group":
            return subject["name"] in user.groups
        case _:
            return bool(subject["name"] == user.name)


def _covers(rule: Obj, asked: Obj) -> bool:
    resource, part = asked.get("resource") or "", asked.get("subresource") or ""
    names = {f"{resource}/{part}", f"*/{part}"} if part else {resource}
    wanted = (
        ("verbs", {asked.get("verb") or ""}),
        ("apiGroups", {asked.get("group") or ""}),
        ("resources", names),
    )
    only = rule.get("resourceNames")
    return all({*one, "*"} & {*(rule.get(many) or ())} for many, one in wanted) and (
        not only or asked.get("name") in only
    )
