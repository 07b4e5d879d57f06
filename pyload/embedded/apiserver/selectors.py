"""Label and field selectors of list and watch requests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.kinds import EVENT, NAMESPACE, POD, SECRET, SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.kube.resources import Obj


_TOKEN: Final = re.compile(r"\s*(?:(==|!=|=|!|\(|\)|,|>|<)|([^\s=!(),<>]+))")
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_PREFIX: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label or field.

    Attributes:
        key: Label key or field path.
        operator: ``in``, ``notin``, ``exists``, ``absent``, ``>`` or ``<``; equality is ``in``
            with one value.
        values: What to compare with.
    """

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, value: str | None) -> bool:
        """Return whether a value of the label or field (None: absent) meets it."""
        match self.operator:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "absent":
                return value is None
            case _:
                return value is not None and self._compares(value)

    def _compares(self, value: str) -> bool:
        try:
            number, bound = int(value), int(self.values[0])
        except (ValueError, IndexError):
            return False
        return number > bound if self.operator == ">" else number < bound


LabelSelector = tuple[Requirement, ...]

_OPERATORS: Final = {
    "In": "in",
    "NotIn": "notin",
    "Exists": "exists",
    "DoesNotExist": "absent",
    "Gt": ">",
    "Lt": "<",
}


def read_expression(given: Obj) -> Requirement | None:
    """Return one of an object's ``matchExpressions``; None if its operator is unknown."""
    operator = _OPERATORS.get(given.get("operator", ""))
    if operator is None:
        return None
    return Requirement(given.get("key", ""), operator, tuple(given.get("values") or ()))


def read_labels(selector: Obj) -> LabelSelector:
    """Read a label selector as objects have it; unknown operators are left out."""
    labels = selector.get("matchLabels") or {}
    expressions = map(read_expression, selector.get("matchExpressions") or ())
    return (
        *(Requirement(key, "in", (value,)) for key, value in labels.items()),
        *(one for one in expressions if one is not None),
    )


@lru_cache(maxsize=4096)
def is_label_key(text: str) -> bool:
    """Return whether a text is a qualified name: an optional DNS prefix, a slash, a name."""
    prefix, slash, name = text.rpartition("/")
    if slash and (len(prefix) > 253 or not _PREFIX.fullmatch(prefix)):
        return False
    return _NAME.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def is_label_value(text: str) -> bool:
    """Return whether a text may be the value of a label."""
    return text == "" or _NAME.fullmatch(text) is not None


def parse_labels(text: str) -> LabelSelector:
    """Read a label selector: ``a=b,c!=d,e in (f,g),h notin (i),j,!k,l>5``.

    Raises:
        Refused: The text is no label selector.
    """
    words = list(_words(text))
    requirements: list[Requirement] = []
    position = 0
    while position < len(words):
        if requirements:
            if words[position] != ",":
                raise _unparsable(f'found "{words[position]}", expected: "," or end of text')
            position += 1
        requirement, position = _requirement(words, position)
        requirements.append(requirement)
    return tuple(requirements)


def _words(text: str) -> Iterator[str]:
    position = 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        assert found is not None
        yield found[1] or found[2]
        position = found.end()


def _requirement(words: list[str], position: int) -> tuple[Requirement, int]:
    """Parse one requirement of a label selector."""

    def word(index: int) -> str:
        return words[index] if index < len(words) else ""

    if word(position) == "!":
        return Requirement(_label_key(word(position + 1)), "absent"), position + 2
    key = _label_key(word(position))
    operator = word(position + 1)
    match operator:
        case "" | ",":
            return Requirement(key, "exists"), position + 1
        case "=" | "==" | "!=" | ">" | "<":
            value = word(position + 2)
            used = position + 3
            if value in ("", ","):
                value, used = "", position + 2
            kind = {"!=": "notin", ">": ">", "<": "<"}.get(operator, "in")
            return Requirement(key, kind, (_label_value(value, operator),)), used
        case "in" | "notin":
            values, used = _value_list(words, position + 2)
            return Requirement(key, operator, values), used
        case _:
            raise _unparsable(f'found "{operator}", expected: in, notin, =, ==, !=, >, <')


def _value_list(words: list[str], position: int) -> tuple[tuple[str, ...], int]:
    """Parse the parenthesised values of ``in`` and ``notin``."""
    if position >= len(words) or words[position] != "(":
        raise _unparsable('expected: "("')
    values: list[str] = []
    expected_value = True
    for index in range(position + 1, len(words)):
        word = words[index]
        if word in (",", ")"):
            if expected_value:
                values.append("")
            expected_value = True
            if word == ")":
                return tuple(values), index + 1
        elif not expected_value:
            raise _unparsable(f'found "{word}", expected: "," or ")"')
        else:
            values.append(_label_value(word, "in"))
            expected_value = False
    raise _unparsable('found end of text, expected: ")"')


def _label_key(text: str) -> str:
    if not is_label_key(text):
        raise _unparsable(f'"{text}" is not a label key')
    return text


def _label_value(text: str, operator: str) -> str:
    if operator in (">", "<"):
        if not re.fullmatch(r"-?\d+", text):
            raise _unparsable(f'"{text}" is not an integer')
    elif len(text) > 63 or not is_label_value(text):
        raise _unparsable(f'"{text}" is not a label value')
    return text


def _unparsable(why: str) -> refusals.Refused:
    return refusals.bad_request(f"unable to parse requirement: {why}")


def _path(*fields: str) -> Callable[[Obj], str]:
    def read(obj: Obj) -> str:
        value: Any = obj
        for field in fields:
            value = value.get(field)
            if value is None:
                return ""
        return str(value).lower() if isinstance(value, bool) else str(value)

    return read


def _paths(*paths: str) -> Mapping[str, Callable[[Obj], str]]:
    return {path: _path(*path.split(".")) for path in paths}


def _host_network(obj: Obj) -> str:
    return "true" if obj.get("spec", {}).get("hostNetwork") else "false"


_EVERY: Final = _paths("metadata.name", "metadata.namespace")
_FIELDS: Final[Mapping[Kind, Mapping[str, Callable[[Obj], str]]]] = {
    POD: {
        **_paths(
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ),
        "spec.hostNetwork": _host_network,
    },
    SECRET: _paths("type"),
    SERVICE: _paths("spec.clusterIP", "spec.type"),
    NAMESPACE: _paths("status.phase"),
    EVENT: {
        **_paths(
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "type",
        ),
        "source": _path("source", "component"),
    },
}


def parse_fields(kind: Kind, text: str) -> tuple[Requirement, ...]:
    """Read a field selector: ``status.phase!=Running,spec.nodeName=a``.

    Raises:
        Refused: It is not one, or the kind has no such field to select by.
    """
    known = _FIELDS.get(kind, {})
    requirements: list[Requirement] = []
    for term in _split_terms(text):
        found = re.fullmatch(r"([^=!]*)(!=|==|=)(.*)", term, re.DOTALL)
        if found is None:
            raise refusals.bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        field, operator, value = found.groups()
        if field not in known and field not in _EVERY:
            raise refusals.bad_request(f"field label not supported: {field}")
        value = re.sub(r"\\([\\,=])", r"\1", value)
        requirements.append(Requirement(field, "notin" if operator == "!=" else "in", (value,)))
    return tuple(requirements)


def _split_terms(text: str) -> list[str]:
    return [term for term in re.findall(r"(?:\\.|[^,\\])+", text, re.DOTALL) if term]


@dataclass(frozen=True, slots=True)
class Selector:
    """The objects that a list or watch asks for.

    Attributes:
        labels: Conditions on labels.
        fields: Conditions on fields, with how to read them.
    """

    labels: LabelSelector = ()
    fields: tuple[tuple[Requirement, Callable[[Obj], str]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.labels or self.fields)

    def matches_labels(self, labels: Mapping[str, str]) -> bool:
        """Return whether an object with these labels meets the conditions on labels."""
        return all(one.matches(labels.get(one.key)) for one in self.labels)

    def matches_fields(self, obj: Obj) -> bool:
        """Return whether an object meets the conditions on fields."""
        return all(requirement.matches(read(obj)) for requirement, read in self.fields)


def parse_selector(kind: Kind, *, labels: str, fields: str) -> Selector:
    """Read both selectors of a request.

    Raises:
        Refused: One of them makes no sense.
    """
    known = {**_EVERY, **_FIELDS.get(kind, {})}
    return Selector(
        parse_labels(labels) if labels else (),
        tuple((item, known[item.key]) for item in parse_fields(kind, fields)) if fields else (),
    )
