"""How the requests of a proxy differ from those of a real one that received the same responses.

The requests of both are paired, an acknowledgement with the one of the same response and a
subscription with the one of the same names. What is left over, the fields in which a pair differs,
requests in another order, and a place before or after other responses each make a difference, as a
sentence about pyload without its subject: ``asks for listeners before the
endpoints that it asked for have come``.

A real proxy takes milliseconds to apply a response, and pyload none. So it is no difference that a
request comes before responses that a real one's came after, unless that one waited for them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from pyload.kube.resources import Obj
    from tests.xds.recordings import Entry, RecordedStream, Request

_WORDS = {
    "Cluster": "clusters",
    "ClusterLoadAssignment": "endpoints",
    "Listener": "listeners",
    "RouteConfiguration": "routes",
    "Secret": "secrets",
    "Address": "addresses",
    "Workload": "workloads",
    "Authorization": "policies",
}


_PARENTS = {
    "ClusterLoadAssignment": "Cluster",
    "Listener": "Cluster",
    "RouteConfiguration": "Listener",
}
"""The types whose resources name what is asked for, or after which it is asked for."""

_PARTED = frozenset({"metadata", "PROXY_CONFIG", "LABELS", "ANNOTATIONS", "locality"})
"""Fields of the node whose parts are compared one by one."""

_OF_GRPC = frozenset({"content-type", "te", "grpc-accept-encoding", "grpc-timeout"})


class _Said(NamedTuple):
    """A request in its place.

    Attributes:
        after: How many responses had come on the stream before.
        request: The request.
        does: What it does, in words.
        answers: Whether it acknowledges or refuses a response.
    """

    after: int
    request: Request
    does: str
    answers: bool


_Pairs = list[tuple[_Said, _Said]]


def of_requests(
    stream: RecordedStream, heard: Sequence[tuple[int, Request]], *, delta: bool
) -> set[str]:
    """Return how a proxy's requests on a stream differ from the recorded ones.

    Args:
        stream: The recorded stream.
        heard: The proxy's requests, each with the number of responses that had come before it.
        delta: Whether the stream is of the delta variant.
    """
    theirs = _in_words(stream.requests, delta=delta)
    ours = _in_words(heard, delta=delta)
    pairs, missing, more = _paired(theirs, ours)
    found = {f"{one.does} less often" for one in missing}
    # A real proxy had no time to say all before istiod was gone.
    if not stream.cut_off:
        found |= {f"{one.does} more often" for one in more}
    pairs.sort(key=lambda pair: theirs.index(pair[0]))
    for real, own in pairs:
        found.update(_of_fields(real.request, own.request, own.does))
    found.update(_of_place(pairs, stream, delta=delta))
    found.update(_of_order([own for _, own in pairs], ours))
    return found


def _in_words(requests: Sequence[tuple[int, Request]], *, delta: bool) -> list[_Said]:
    answered: set[str] = set()
    names: dict[str, frozenset[str]] = defaultdict(frozenset)
    found = []
    for after, request in requests:
        new = bool(request.nonce) and request.nonce not in answered
        answered.add(request.nonce)
        fewer = not delta and names[request.type] > frozenset(request.subscribe)
        names[request.type] = frozenset(request.subscribe)
        does = "gives up" if request.unsubscribe or fewer else "asks for"
        if new:
            does = "refuses" if request.error else "acknowledges"
        found.append(_Said(after, request, f"{does} {_WORDS[request.type]}", new))
    return found


def _paired(theirs: list[_Said], ours: list[_Said]) -> tuple[_Pairs, list[_Said], list[_Said]]:
    """Return pairs, what only the real proxy has said, and what only ours has.

    Subscriptions to the same names are paired first, and then what is left by what it does.
    """
    pairs: _Pairs = []
    for key in (_exactly, _nearly):
        waiting: dict[Hashable, deque[_Said]] = defaultdict(deque)
        for own in ours:
            waiting[key(own)].append(own)
        missing = []
        for real in theirs:
            if waiting[key(real)]:
                pairs.append((real, waiting[key(real)].popleft()))
            else:
                missing.append(real)
        theirs, ours = missing, [own for rest in waiting.values() for own in rest]
    return pairs, theirs, ours


def _exactly(said: _Said) -> Hashable:
    request = said.request
    if said.answers:
        return request.type, request.nonce
    return said.does, request.subscribe, request.unsubscribe


def _nearly(said: _Said) -> Hashable:
    return _exactly(said) if said.answers else said.does


def _of_fields(real: Request, own: Request, does: str) -> Iterator[str]:
    if (real.subscribe, real.unsubscribe) != (own.subscribe, own.unsubscribe):
        yield f"{does} with other names"
    if bool(real.error) != bool(own.error):
        yield f"{does}, unlike the real one"
    if real.nonce != own.nonce:
        yield f"{does} with another nonce"
    if real.version != own.version:
        yield f"{does} with another version"
    if dict(real.held).keys() != dict(own.held).keys():
        yield f"{does}, holding other resources"
    elif real.held != own.held:
        yield f"{does}, holding other versions"
    if real.node != own.node:
        yield f"{does} {'without' if real.node else 'with'} the node"


def _of_order(as_recorded: list[_Said], ours: list[_Said]) -> Iterator[str]:
    """Yield which requests are out of order, where as many as possible count as in order."""
    places = [ours.index(one) for one in as_recorded]
    chains: list[tuple[int, ...]] = [()]
    for place in places:
        longest = max((one for one in chains if one[-1:] < (place,)), key=len)
        chains.append((*longest, place))
    kept = max(chains, key=len)
    for rank, (one, place) in enumerate(zip(as_recorded, places, strict=True)):
        if place not in kept:
            earlier = any(place < other for other in places[:rank] if other in kept)
            yield f"{one.does} {'earlier' if earlier else 'later'} among its requests"


def _of_place(pairs: _Pairs, stream: RecordedStream, *, delta: bool) -> Iterator[str]:
    responses = stream.responses
    waits = _waits(stream, delta=delta)
    for real, own in pairs:
        for one in responses[real.after : own.after]:
            yield f"{own.does} only after more {_WORDS[one.type]} have come"
        for one in responses[own.after : real.after]:
            if (real.request, one.nonce) in waits:
                yield f"{own.does} before the {_WORDS[one.type]} that it asked for have come"


def _waits(stream: RecordedStream, *, delta: bool) -> set[tuple[Request, str]]:
    """Return which recorded requests waited for which responses, by nonce.

    A request follows from the response that it acknowledges, or else from the last one of the type
    that names what it asks for. It waited for another if between the two the proxy asked for
    something else that follows from the first, and got it; unless on the same stream it once went
    on before it had got that.
    """
    waits: dict[tuple[bool, str, str], list[tuple[Request, str]]] = defaultdict(list)
    went_on = set()
    asked = _Asked(delta=delta)
    # The entries by which each response was asked for.
    askers: dict[str, set[int]] = {}
    last: dict[str, int] = {}
    unanswered: dict[str, int] = {}
    for number, entry in enumerate(stream.entries):
        request = entry.request
        if request is None:
            askers[entry.nonce] = asked.answered_by(entry)
            last[entry.type] = unanswered[entry.nonce] = number
            continue
        asked.add(request, number)
        acknowledges = request.nonce in unanswered
        cause = unanswered.pop(request.nonce, last.get(_PARENTS.get(request.type, ""), number))
        for other in range(cause, number):
            sibling = stream.entries[other].type
            if sibling == request.type or _PARENTS.get(sibling) != stream.entries[cause].type:
                continue
            kind = acknowledges, request.type, sibling
            if asked.waits_for(other):
                went_on.add(kind)
            waits[kind] += [
                (request, one.nonce)
                for one in stream.entries[other:number]
                if other in askers.get(one.nonce, ())
            ]
    return {wait for kind, found in waits.items() if kind not in went_on for wait in found}


class _Asked:
    """Names that a proxy asks for and that have not come yet; all names together are empty."""

    def __init__(self, *, delta: bool) -> None:
        self._delta = delta
        self._known: dict[str, set[str]] = {}
        self._open: dict[str, dict[str, int]] = defaultdict(dict)

    def add(self, request: Request, number: int) -> None:
        """Record which of a request's names are new, and the number of the request."""
        names = set(request.subscribe)
        first = request.type not in self._known
        known = self._known.setdefault(request.type, set())
        new = {""} if first and not names else names - known
        self._open[request.type] |= dict.fromkeys(new, number)
        self._known[request.type] = known | names if self._delta else names

    def answered_by(self, response: Entry) -> set[int]:
        """Return the numbers of the requests that a response answers."""
        asked = self._open[response.type]
        return {asked.pop(name) for name in asked.keys() & {"", *response.names}}

    def waits_for(self, number: int) -> bool:
        """Return whether names of a request have not come yet."""
        return any(number in asked.values() for asked in self._open.values())


def of_nodes(real: Obj, own: Obj, path: str = "") -> Iterator[str]:
    """Yield how the node of a proxy differs from a recorded one, field by field."""
    for name in sorted({*real, *own}):
        field = f"{path}{name}"
        if name not in own:
            yield f"has no `{field}` in its node"
        elif name not in real:
            yield f"has `{field}` in its node"
        elif real[name] != own[name]:
            if name in _PARTED:
                yield from of_nodes(real[name], own[name], f"{field}.")
            else:
                yield f"has another `{field}` in its node"


def of_metadata(real: Mapping[str, str], own: Mapping[str, str]) -> Iterator[str]:
    """Yield how the headers of a stream differ from recorded ones.

    Args:
        real: The recorded headers; HTTP's and gRPC's own are left out, and so are all tokens.
        own: All headers of the proxy.
    """
    for name in sorted({*real, *own}):
        if name.startswith(":") or name in _OF_GRPC:
            continue
        if name not in own:
            yield f"has no header `{name}`"
        elif name not in real:
            yield f"has a header `{name}`"
        elif name != "authorization" and real[name] != own[name]:
            yield f"has another header `{name}`"
