"""The options of requests: what of them a real server refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.refusals import Cause

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MATCH: Final = "resourceVersionMatch"
_INITIAL: Final = "sendInitialEvents"
_MATCHES: Final = ("Exact", "NotOlderThan")
_POLICY: Final = "propagationPolicy"
_POLICIES: Final = ("Foreground", "Background", "Orphan")


def check_list(query: Mapping[str, str]) -> None:
    """Check the options of a list.

    Raises:
        Refused: Some make no sense, or not with others.
    """
    causes = list(_list_faults(query))
    if causes:
        raise refusals.invalid_options("ListOptions", causes)


def _list_faults(query: Mapping[str, str]) -> Iterator[Cause]:
    match, version = query.get(_MATCH, ""), query.get("resourceVersion", "")
    if match and not version:
        yield Cause.forbidden(_MATCH, f"{_MATCH} is forbidden unless resourceVersion is provided")
    if match and query.get("continue"):
        yield Cause.forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided")
    if match and match not in _MATCHES:
        yield Cause.unsupported(_MATCH, match, (*_MATCHES, ""))
    if match == "Exact" and version == "0":
        text = f'{_MATCH} "exact" is forbidden for resourceVersion "0"'
        yield Cause.forbidden(_MATCH, text)
    if _INITIAL in query:
        yield Cause.forbidden(_INITIAL, f"{_INITIAL} is forbidden for list")


def check_deletion(query: Mapping[str, str], body: Mapping[str, Any]) -> None:
    """Check the options of a deletion, which come in its body or else in its query.

    Raises:
        Refused: Some make no sense, or not with others.
    """
    given: Mapping[str, Any] = body or query
    policy, orphans = given.get(_POLICY), given.get("orphanDependents")
    causes: list[Cause] = []
    if policy and orphans is not None:
        text = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(Cause.invalid(_POLICY, policy, text))
    if policy and policy not in _POLICIES:
        causes.append(Cause.unsupported(_POLICY, policy, (*_POLICIES, "nil")))
    if causes:
        raise refusals.invalid_options("DeleteOptions", causes)
