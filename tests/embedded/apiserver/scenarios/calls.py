"""Random calls: what clients do, and what they do wrong, on a few objects so that they meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from tests.embedded.apiserver.scenarios.peers import (
    APPLY,
    JSON,
    JSON_PATCH,
    LEASES,
    MAPS,
    MERGE,
    STRATEGIC,
    WIDGETS,
    Call,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.scenarios.peers import Sample

SAMPLES: Final = (MAPS, LEASES, WIDGETS)
SPACES: Final = ("x", "y")
ANY_SPACE: Final = st.sampled_from(["x", "x", "x", "y"])
NAMES: Final = st.sampled_from(["a", "a", "a", "b"])
MANAGERS: Final = st.sampled_from(["one", "two"])
VERSIONS: Final = st.sampled_from(["", "", "@current", "@current", "@stale"])
DRY: Final = st.sampled_from([{}, {}, {}, {"dryRun": "All"}])
ONES: Final = ("1", "2")

Draw = Any


def seldom(*values: Any, usual: Any = None) -> st.SearchStrategy[Any]:
    """Return the usual value most of the time."""
    return st.sampled_from([usual] * (4 * len(values)) + [*values])


@st.composite
def contents(draw: Draw, sample: Sample, *, wrong: bool = False) -> Obj:
    """Return the map of an object, on request with a value that is refused."""
    fields = {name: st.sampled_from(values) for name, values in sample.values.items()}
    content: Obj = draw(st.fixed_dictionaries({}, optional=fields))
    if wrong and sample.wrong:
        name = draw(st.sampled_from(sorted(sample.wrong)))
        content[name] = draw(st.sampled_from(sample.wrong[name]))
    return content


@st.composite
def bodies(draw: Draw, sample: Sample, *, wrong: bool = False, unknown: bool = True) -> Obj:
    """Return a body without a name."""
    metadata: Obj = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "labels": st.fixed_dictionaries({}, optional={"l": st.sampled_from(ONES)}),
                "annotations": st.fixed_dictionaries({}, optional={"n": st.sampled_from(ONES)}),
                "finalizers": st.sampled_from([["x/y"], ["x/z", "x/y"]]),
            },
        )
    )
    content = draw(contents(sample, wrong=wrong))
    if unknown and sample.custom and draw(st.booleans()):
        content["unknown"] = 1
    body = {"apiVersion": sample.api_version, "kind": sample.kind, "metadata": metadata}
    if content or draw(st.booleans()):
        body[sample.content] = content
    return body


@st.composite
def creates(draw: Draw, samples: Sequence[Sample] = SAMPLES) -> Call:
    """Create an object, perhaps one that is there or cannot be."""
    sample, space = draw(st.sampled_from(samples)), draw(ANY_SPACE)
    fault = draw(seldom("name", "no name", "other space", "no space", "version", "content"))
    body = draw(bodies(sample, wrong=fault == "content"))
    metadata = body["metadata"]
    if fault != "no name":
        metadata["name"] = draw(NAMES) + ("_X" if fault == "name" else "")
    if fault == "other space":
        metadata["namespace"] = "elsewhere"
    if fault == "version":
        metadata["resourceVersion"] = "5"
    if fault == "no space":
        space = "nowhere"
    query = {"fieldManager": draw(MANAGERS), **draw(DRY)}
    return Call("POST", sample, space, body=body, query=query)


@st.composite
def updates(draw: Draw, samples: Sequence[Sample] = SAMPLES) -> Call:
    """Replace an object that may not be there, or may have changed."""
    sample, space = draw(st.sampled_from(samples)), draw(ANY_SPACE)
    fault = draw(seldom("name", "uid", "content"))
    body = draw(bodies(sample, wrong=fault == "content"))
    name = draw(NAMES)
    metadata = body["metadata"]
    metadata["name"] = "other" if fault == "name" else name
    version = draw(VERSIONS)
    if version:
        metadata["resourceVersion"] = version
    if fault == "uid":
        metadata["uid"] = "nobody"
    elif draw(st.booleans()) and version:
        metadata["uid"] = "@uid"
    query = {"fieldManager": draw(MANAGERS), **draw(DRY)}
    return Call("PUT", sample, space, name, body=body, query=query)


@st.composite
def merges(draw: Draw, samples: Sequence[Sample] = SAMPLES) -> Call:
    """Merge a patch into an object, with nulls for what is to go."""
    sample, space = draw(st.sampled_from(samples)), draw(ANY_SPACE)
    body = draw(bodies(sample, wrong=draw(seldom(True, usual=False))))
    for part in (body.get(sample.content), *body["metadata"].values()):
        for name in list(part) if isinstance(part, dict) else ():
            if draw(seldom(True, usual=False)):
                part[name] = None
    version = draw(VERSIONS)
    if version:
        body["metadata"]["resourceVersion"] = version
    media = draw(st.sampled_from([MERGE, MERGE, STRATEGIC]))
    query = {"fieldManager": draw(MANAGERS), **draw(DRY)}
    name = draw(NAMES)
    return Call("PATCH", sample, space, name, body=body, media=media, query=query)


@st.composite
def operations(draw: Draw, samples: Sequence[Sample] = SAMPLES) -> Call:
    """Send a JSON patch."""
    sample, space = draw(st.sampled_from(samples)), draw(ANY_SPACE)
    body = []
    for _ in range(draw(st.integers(1, 3))):
        field = draw(st.sampled_from(sorted(sample.values)))
        one: Obj = {
            "op": draw(st.sampled_from(["add", "replace", "remove", "test"])),
            "path": f"/{sample.content}/{field}",
        }
        if one["op"] != "remove":
            one["value"] = draw(st.sampled_from(sample.values[field]))
        body.append(one)
    query = {"fieldManager": draw(MANAGERS), **draw(DRY)}
    name = draw(NAMES)
    return Call("PATCH", sample, space, name, body=body, media=JSON_PATCH, query=query)


@st.composite
def applies(draw: Draw, samples: Sequence[Sample] = SAMPLES) -> Call:
    """Apply a configuration as one of two managers, perhaps by force."""
    sample, space = draw(st.sampled_from(samples)), draw(ANY_SPACE)
    body = draw(bodies(sample, wrong=draw(seldom(True, usual=False)), unknown=False))
    for part in (body, body["metadata"]):
        # Of an empty map releases of Kubernetes differ in who owns it, and in when it goes.
        for name in [name for name, value in part.items() if value == {} and name != "metadata"]:
            del part[name]
    version = draw(seldom("@current", "@stale"))
    if version:
        body["metadata"]["resourceVersion"] = version
    name = draw(NAMES)
    if not draw(seldom(True, usual=False)):
        body["metadata"]["name"] = name
    query = {"fieldManager": draw(MANAGERS), **draw(DRY)}
    if draw(st.booleans()):
        query["force"] = "true"
    return Call("PATCH", sample, space, name, body=body, media=APPLY, query=query)


@st.composite
def statuses(draw: Draw) -> Call:
    """Write the status of an object, which leaves the rest alone."""
    space, name = draw(ANY_SPACE), draw(NAMES)
    body: Obj = {
        "apiVersion": WIDGETS.api_version,
        "kind": WIDGETS.kind,
        "metadata": {"name": name},
        "spec": draw(contents(WIDGETS)),
    }
    status = draw(
        st.fixed_dictionaries(
            {}, optional={"phase": st.sampled_from(ONES), "size": st.sampled_from([1, 2])}
        )
    )
    if status:
        body["status"] = status
    method = draw(st.sampled_from(["PUT", "PATCH"]))
    if method == "PUT":
        body["metadata"]["resourceVersion"] = draw(st.sampled_from(["@current", "@stale"]))
    media = JSON if method == "PUT" else MERGE
    query = {"fieldManager": draw(MANAGERS)}
    return Call(method, WIDGETS, space, name, "status", body, media, query)


@st.composite
def deletes(draw: Draw, samples: Sequence[Sample] = SAMPLES) -> Call:
    """Delete an object, perhaps only if it is still the one that was seen."""
    sample, space = draw(st.sampled_from(samples)), draw(ANY_SPACE)
    given = draw(
        seldom({"uid": "@uid"}, {"uid": "nobody"}, {"resourceVersion": "@stale"}, usual=None)
    )
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": given} if given else None
    name = draw(NAMES)
    return Call("DELETE", sample, space, name, body=body, query=draw(DRY))


@st.composite
def collections(draw: Draw, samples: Sequence[Sample] = SAMPLES) -> Call:
    """Delete what a selector selects."""
    sample, space = draw(st.sampled_from(samples)), draw(ANY_SPACE)
    label = draw(st.sampled_from(ONES))
    return Call("DELETE", sample, space, query={"labelSelector": f"l={label}"})


@st.composite
def lists(draw: Draw, samples: Sequence[Sample] = SAMPLES) -> Call:
    """List what a selector selects."""
    sample = draw(st.sampled_from(samples))
    space = draw(st.sampled_from(["", *SPACES]))
    label = draw(st.sampled_from(ONES))
    return Call(
        "GET", sample, space, query=draw(st.sampled_from([{}, {"labelSelector": f"l={label}"}]))
    )


WRITES: Final[tuple[Callable[..., st.SearchStrategy[Call]], ...]] = (
    creates,
    updates,
    merges,
    operations,
    applies,
    deletes,
    collections,
)
"""Calls that change objects of any of the kinds."""
