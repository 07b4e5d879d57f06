"""Which rights of a command are missing, from the API server's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyload.commands.doctor.findings import ok, problem, unknown, warning
from pyload.harness.rights import TLS, TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyload.commands.doctor.findings import Finding
    from pyload.harness.rights import Right
    from pyload.kube.resources import Obj

CHECK = "permissions"


class Asked(NamedTuple):
    """One verb of a right, which is what the API server can be asked for."""

    right: Right
    verb: str

    def review(self) -> Obj:
        """Return the attributes that an access review asks for."""
        resource = self.right.resource
        attributes = {
            "verb": self.verb,
            "group": resource.group,
            "version": resource.version,
            "resource": resource.plural,
            "subresource": self.right.subresource,
            "namespace": self.right.namespace,
        }
        return {name: value for name, value in attributes.items() if value}


def questions(rights: Iterable[Right], *, tokens: bool, tls: bool) -> list[Asked]:
    """Return what to ask for the rights that a run with this authentication needs."""
    unneeded = {when for when, needed in ((TOKENS, tokens), (TLS, tls)) if not needed}
    return [
        Asked(right, verb) for right in rights if right.when not in unneeded for verb in right.verbs
    ]


def permission_findings(
    command: str, answers: Mapping[Asked, bool | None], who: str
) -> Iterator[Finding]:
    """Yield what the answers to `questions` mean.

    Args:
        command: The command whose rights they are.
        answers: Whether each is allowed; None for no answer.
        who: The user; empty if that is not known.
    """
    missing: dict[str, dict[str, list[str]]] = {}
    unanswered = 0
    for (right, verb), allowed in answers.items():
        if allowed is None:
            unanswered += 1
        elif not allowed:
            place = f"{right.name} in {right.namespace}" if right.namespace else right.name
            needed = "" if right.when == TOKENS else right.when
            missing.setdefault(needed, {}).setdefault(place, []).append(verb)
    subject = who or "this user"
    for when, places in sorted(missing.items()):
        what = f"{subject} may not {_listed(places)}"
        if when:
            yield warning(CHECK, f"{what}; that is for {when}", _grant(command))
        else:
            yield problem(CHECK, what, _grant(command))
    if unanswered:
        yield unknown(
            CHECK,
            f"{unanswered} of {len(answers)} rights could not be asked for",
            f"try `kubectl auth can-i --list`, and compare with docs/permissions.md for {command}",
        )
    elif not missing:
        yield ok(CHECK, f"{subject} has all {len(answers)} rights that {command} may need")


def _listed(places: Mapping[str, list[str]]) -> str:
    """Return which verbs are missing on what, where kinds that lack the same ones are one part."""
    by_verbs: dict[str, list[str]] = {}
    for place, verbs in places.items():
        by_verbs.setdefault(", ".join(verbs), []).append(place)
    return "; ".join(f"{verbs} {', '.join(names)}" for verbs, names in by_verbs.items())


def _grant(command: str) -> str:
    return (
        f"bind a ClusterRole with the rights of {command} (docs/permissions.md) to the user, or "
        "use another one (--context, --as)"
    )
