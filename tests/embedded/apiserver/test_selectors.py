"""Label and field selectors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.apiserver import selectors
from pyload.embedded.apiserver.kinds import CONFIG_MAP, EVENT, POD, SERVICE
from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.selectors import Requirement, parse_labels, parse_selector

KEYS = st.from_regex(r"([a-z]{1,5}\.)?[a-z]{1,5}(/[A-Za-z][a-z_.-]{0,5}[a-z0-9])?", fullmatch=True)
VALUES = st.from_regex(r"([A-Za-z0-9]([a-z0-9_.-]{0,5}[a-z0-9])?)?", fullmatch=True)
REQUIREMENTS = st.one_of(
    st.builds(Requirement, KEYS, st.sampled_from(["exists", "absent"])),
    st.builds(
        Requirement,
        KEYS,
        st.sampled_from(["in", "notin"]),
        st.lists(VALUES, min_size=1, max_size=3).map(tuple),
    ),
)


def _write(requirement: Requirement) -> str:
    values = ", ".join(requirement.values)
    match requirement.operator:
        case "exists":
            return requirement.key
        case "absent":
            return "!" + requirement.key
        case operator:
            return f"{requirement.key} {operator} ({values})"


@given(st.lists(REQUIREMENTS.filter(lambda item: "/" not in item.key[:1]), max_size=4))
def test_what_is_written_is_read_back(requirements: list[Requirement]) -> None:
    """A watch would silently see other objects if a selector were read wrongly."""
    keys_are_words = all(item.key not in ("in", "notin") for item in requirements)
    if keys_are_words:
        assert parse_labels(",".join(map(_write, requirements))) == tuple(requirements)


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    """A selector from a client must never crash the server."""
    code = 400
    try:
        parse_labels(text)
    except Refused as error:
        code = error.code

    assert code == 400


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "c"}, False),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a=", {"a": ""}, True),
        ("a", {"a": ""}, True),
        ("!a", {"a": ""}, False),
        ("a in (b,c),d", {"a": "c", "d": ""}, True),
        ("a notin (b, c)", {"a": "d"}, True),
        ("a in (,b)", {"a": ""}, True),
        ("a>3", {"a": "4"}, True),
        ("a<3", {"a": "4"}, False),
        ("a>3", {"a": "x"}, False),
        ("a>3", {}, False),
        (" a = b , c = d ", {"a": "b", "c": "d"}, True),
    ],
)
def test_labels_select(selector: str, labels: dict[str, str], expected: bool) -> None:  # noqa: FBT001 - a table column
    """Each operator must pick the objects that Kubernetes documents."""
    selected = selectors.Selector(parse_labels(selector))

    assert selected.matches_labels(labels) is expected


@pytest.mark.parametrize(
    "selector",
    [
        "a=b=c",
        "a b",
        "a in b",
        "a in (b",
        "a in (b c)",
        "=b",
        "!",
        "a,,b",
        "-a=b",
        "a=-",
        "a>x",
        "x/y/z=a",
    ],
)
def test_broken_label_selectors_are_refused(selector: str) -> None:
    """A typo in a selector must be reported, not select everything."""
    with pytest.raises(Refused) as refused:
        parse_labels(selector)

    assert refused.value.code == 400


def test_fields_select() -> None:
    """Kubelets select their pods by node, and tools by phase."""
    obj = {
        "metadata": {"name": "a", "namespace": "b"},
        "spec": {"nodeName": "n", "hostNetwork": True},
        "status": {"phase": "Running"},
    }
    fields = "spec.nodeName=n,status.phase!=Failed,metadata.name==a,spec.hostNetwork=true"

    assert parse_selector(POD, labels="", fields=fields).matches_fields(obj)
    assert not parse_selector(POD, labels="", fields="status.podIP!=").matches_fields(obj)
    assert parse_selector(SERVICE, labels="", fields="spec.type=").matches_fields({"metadata": {}})
    assert parse_selector(EVENT, labels="", fields="reason=a\\,b").matches_fields(
        {"metadata": {}, "reason": "a,b"}
    )


@pytest.mark.parametrize("fields", ["spec.nodeName=a", "metadata.name", "data=a"])
def test_unknown_fields_are_refused(fields: str) -> None:
    """A field that the kind cannot be selected by must be an error, as in Kubernetes."""
    with pytest.raises(Refused) as refused:
        parse_selector(CONFIG_MAP, labels="", fields=fields)

    assert refused.value.code == 400


def test_an_empty_selector_is_false() -> None:
    """Lists without selectors take a short cut that depends on it."""
    assert not selectors.Selector()
    assert parse_selector(POD, labels="a", fields="")
