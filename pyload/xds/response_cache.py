"""Discovery responses, read only once however many proxies receive them.

A push sends much the same response to each of ten thousand proxies, and most of the work is in its
resources. So a `Response` is kept with what identifies it, and found again in one of three ways:

- A large message has a shared part, recorded in a prefix cache (see `pyload.xds.messages`), and a
  tail of its own. Its annotation is a `_SuffixTable`: the responses with this shared part, by the
  bytes before and behind the nonce in the tail. Nothing is parsed, and no byte before the tail is
  looked at.
- A small message is looked up by all its bytes but those of the nonce, whose place is that of other
  nonces, seen from the end. To hash so many bytes takes longer than to compare them: so it is first
  compared with the one that came last of those with the same *sample*, which is a few of its bytes.
- A delta response of other types than clusters and listeners is looked up by the set of its
  resources, since istiod sends endpoints in another order each time.

The first two depend on the place of the nonce, the only part in which such responses differ. The
same bytes could stand in a resource too, so `_nonce_at` proves the place before it is used.

Where a response is new, most of its resources are not: each stands where it stood in the last
response of its type, or is found by its bytes in a `pyload.xds.resources.Decoder`.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain, repeat
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from pyload.errors import RemoteProtocolError
from pyload.xds import resources
from pyload.xds.marks import NO_MARKS, by_run, find_marks, marks_of
from pyload.xds.messages import LARGE
from pyload.xds.refusals import ACCEPTED, NOT_ENVOYS, Judgement, judge_delta, judge_sotw
from pyload.xds.resource_set import ResourceSet
from pyload.xds.responses import DeltaResponse, Response, parse
from pyload.xds.types import CDS, LDS, type_url_of
from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from pyload.xds.marks import Mark, Marks
    from pyload.xds.messages import Message
    from pyload.xds.resources import Resource
    from pyload.xds.responses import ParsedResponse
    from pyload.xds.types import TypeUrl

_SUFFIXES: Final = 4096
"""Most responses of one suffix table: they differ in their tails alone."""
_PLACES: Final = 8
"""Most places of nonces, seen from the end, that are tried."""
_BEGINNING: Final = 40
"""Bytes at the beginning of a message that its sample has whole: a version stands in them."""
_SAMPLED: Final = 128
"""Of so many bytes behind them, a sample has one."""
_RESOURCE_BYTES: Final = 120
"""About as many bytes does a response use for each resource."""

_Read = tuple[bytes | None, resources.Resource, "tuple[Mark, ...]"]
"""The bytes of a resource, what they decode to, and the marks in it."""
_NOTHING: Final[_Read] = (None, resources.Resource(""), ())


class _SuffixTable:
    """Responses that differ in their last bytes alone, by the bytes before and behind the nonce."""

    __slots__ = ("_known", "_shapes")

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes, bool], Response] = {}
        # How many bytes stand before the nonce and behind it, for each of these.
        self._shapes: set[tuple[int, int]] = set()

    def find(self, tail: bytes, *, delta: bool) -> tuple[Response, str] | None:
        """Return the response whose message ends so, and the nonce; None if it is unknown."""
        for before, after in self._shapes:
            stop = len(tail) - after
            response = self._known.get((tail[:before], tail[stop:], delta))
            # The length in bytes delimits a nonce only if it is ASCII.
            if response is not None and (nonce := tail[before:stop]).isascii():
                return response, nonce.decode("ascii")
        return None

    def add(self, before: bytes, after: bytes, response: Response, *, delta: bool) -> None:
        """Add a response; a full table is emptied first."""
        if len(self._known) >= _SUFFIXES:
            self._known.clear()
            self._shapes.clear()
        self._known[before, after, delta] = response
        self._shapes.add((len(before), len(after)))


class ResponseCache:
    """The responses that were read, the least recently used forgotten first.

    Args:
        limit: Bytes of messages to keep responses of. Those of large messages do not count: they
            are annotations of the prefix cache.

    Attributes:
        decoder: Decodes resources, and keeps them.
        size: Bytes of the messages whose responses are kept.
    """

    def __init__(self, *, limit: int = 8 << 20) -> None:
        self.decoder = resources.Decoder()
        self._limit = limit
        # By the bytes of a small message before the nonce and behind it, or by sets of resources.
        self._known: OrderedDict[Hashable, Response] = OrderedDict()
        # The key in `_known` of the last small message with a sample, and its response.
        self._sampled: dict[Hashable, tuple[tuple[bytes, bytes, bool], Response]] = {}
        # How many bytes before the end nonces begin, and how many before it they end.
        self._places: list[tuple[int, int]] = []
        self.size = 0
        # The resources of the last response of each type, in its order.
        self._last: dict[tuple[TypeUrl, bool], list[_Read]] = {}

    def read(self, message: Message, *, delta: bool) -> tuple[Response, str]:
        """Return the response in a message, the same object for all who receive it, and its nonce.

        Raises:
            RemoteProtocolError: The bytes are no response.
        """
        if message.shared:
            return self._read_shared(message, delta=delta)
        data = message.tail
        size = len(data)
        for begins, ends in self._places:
            start, stop = size - begins, size - ends
            response = self._find(data, start, stop, delta=delta) if start > 0 else None
            # The length in bytes delimits a nonce only if it is ASCII.
            if (
                response is not None
                and response.size == size
                and (nonce := data[start:stop]).isascii()
            ):
                return response, nonce.decode("ascii")
        parsed = parse(data, delta=delta)
        response = self._response(parsed, data)
        start = -1 if size >= LARGE else _nonce_at(parsed, data)
        if start >= 0:
            stop = start + len(parsed.nonce)
            place = size - start, size - stop
            if place not in self._places:
                self._places = [place, *self._places[: _PLACES - 1]]
            self._remember((data[:start], data[stop:], delta), response)
        return response, parsed.nonce

    def _find(self, data: bytes, start: int, stop: int, *, delta: bool) -> Response | None:
        """Return the response in a small message, if its nonce stands at a place and it is known.

        Args:
            data: The message.
            start: Where its nonce begins.
            stop: Where that ends.
            delta: Whether it is a message of delta xDS.
        """
        sample = data[:_BEGINNING], data[_BEGINNING:start:_SAMPLED], stop, delta
        known = self._sampled.get(sample)
        if known is not None:
            key, response = known
            if len(key[0]) == start and data.startswith(key[0]) and data.endswith(key[1]):
                self._known.move_to_end(key)
                return response
        key = data[:start], data[stop:], delta
        found = self._known.get(key)
        if found is not None:
            self._sampled[sample] = key, found
            self._known.move_to_end(key)
        return found

    def _read_shared(self, message: Message, *, delta: bool) -> tuple[Response, str]:
        """Read a message with a shared part, and annotate that with the response."""
        suffixes: _SuffixTable = message.annotation or _SuffixTable()
        found = suffixes.find(message.tail, delta=delta)
        if found is not None:
            return found
        data = message.whole()
        parsed = parse(data, delta=delta)
        response, size = self._response(parsed, data), len(parsed.nonce)
        start = _nonce_at(parsed, data)
        first = len(data) - len(message.tail)
        if start >= first:
            suffixes.add(data[first:start], data[start + size :], response, delta=delta)
            message.annotate(
                suffixes, len(message.tail) + _RESOURCE_BYTES * len(response.resources)
            )
        return response, parsed.nonce

    def _remember(self, key: Hashable, response: Response) -> None:
        if key not in self._known:
            self.size += response.size
        self._known[key] = response
        while self.size > self._limit and len(self._known) > 1:
            _, forgotten = self._known.popitem(last=False)
            self.size -= forgotten.size
            self._sampled.clear()

    def _response(self, parsed: ParsedResponse, data: bytes) -> Response:
        type_url = type_url_of(parsed.type_url)
        if isinstance(parsed, DeltaResponse):
            return self._delta_response(type_url, parsed, len(data))
        judgement, marks = ACCEPTED, NO_MARKS
        if type_url in (CDS, LDS):
            try:
                found, marks = self._resources(type_url, parsed.resources, delta=False)
                judgement = judge_sotw(type_url, found)
            except RemoteProtocolError as broken:
                judgement = Judgement(error=broken.what)
            except DecodeError as broken:
                raise RemoteProtocolError("the message is no discovery response") from broken
        else:
            marks = find_marks(type_url, data, parsed.resources)
        return Response(
            type_url,
            parsed.version_info,
            size=len(data),
            count=len(parsed.resources),
            judgement=judgement,
            resource_set=ResourceSet.of(judgement.resources),
            marks=NO_MARKS if judgement.error else marks,
            control_plane=parsed.control_plane.identifier,
        )

    def _delta_response(self, type_url: TypeUrl, parsed: DeltaResponse, size: int) -> Response:
        sent = list(parsed.resources)
        removed = tuple(parsed.removed_resources)
        key: Hashable = None
        if type_url not in (CDS, LDS):
            # Endpoints come in another order each time, and mean the same.
            key = (type_url, parsed.system_version_info, size, frozenset(sent), removed)
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        found: tuple[Resource, ...] = ()
        marks = NO_MARKS
        try:
            found, marks = self._resources(type_url, sent, delta=True)
            judgement = judge_delta(type_url, found, removed)
        except RemoteProtocolError as broken:
            judgement = Judgement(error=broken.what)
        except DecodeError as broken:
            raise RemoteProtocolError("the message is no delta discovery response") from broken
        response = Response(
            type_url,
            parsed.system_version_info,
            size=size,
            count=len(sent),
            judgement=judgement,
            removed=removed,
            marks=NO_MARKS if judgement.error else marks,
            control_plane=parsed.control_plane.identifier,
        )
        # Of two resources with one name the later counts, where any does.
        if key is not None and not judgement.error and _are_distinct(type_url, found):
            self._remember(key, response)
        return response

    def _unwrapped(self, type_url: TypeUrl, body: bytes) -> Resource:
        wrapper = discovery_pb2.Resource.FromString(body)
        if not wrapper.resource and type_url not in NOT_ENVOYS:
            return resources.Resource(wrapper.name, (), wrapper.version, resources.NO_BODY)
        if type_url not in (CDS, LDS):
            return resources.Resource(wrapper.name, (), wrapper.version)
        resource = self.decoder.decode(type_url, wrapper.resource)
        # Delta knows a resource by the name that it was sent under.
        return resource._replace(name=wrapper.name, version=wrapper.version)

    def _resources(
        self, type_url: TypeUrl, sent: Iterable[bytes], *, delta: bool
    ) -> tuple[tuple[Resource, ...], Marks]:
        """Read resources, and the marks in them.

        Most of them stand where they stood in the last response of the type. To compare them with
        those is cheaper than to look each up by its hash. What is equal is then the same object
        too.
        """
        read = self._unwrapped if delta else self.decoder.decode
        last = chain(self._last.get((type_url, delta), ()), repeat(_NOTHING))
        found = [
            old if body == old[0] else (body, read(type_url, body), marks_of(type_url, body))
            for body, old in zip(sent, last, strict=False)
        ]
        self._last[type_url, delta] = found
        return (
            tuple(resource for _, resource, _ in found),
            by_run(marks for _, _, marks in found if marks),
        )


def _are_distinct(type_url: TypeUrl, found: tuple[Resource, ...]) -> bool:
    """Return whether no two resources of a response that was not refused have one name."""
    return type_url not in NOT_ENVOYS or len({one.name for one in found}) == len(found)


RESPONSE_CACHE: Final = ResponseCache()
"""The cache that all streams of the process share."""


def _nonce_at(parsed: ParsedResponse, data: bytes) -> int:
    """Return where the nonce stands, if any other nonce in its place would change nothing else.

    The same bytes could stand in a resource too. If a response were found again by such a wrong
    place, a proxy would get another proxy's. Messages one after the other are one message: so if
    the bytes before the nonce's field and those behind it are both messages, the field is one of
    the response.

    Args:
        parsed: The response.
        data: The response, encoded.

    Returns:
        The index in `data`; -1 if that cannot be proved.
    """
    kind = type(parsed)
    nonce = parsed.nonce
    field = kind(nonce=nonce).SerializeToString()
    start = data.rfind(field)
    if start < 0 or not nonce.isascii():
        return -1
    stop = start + len(field)
    view = memoryview(data)
    try:
        kind.FromString(view[:start])  # type: ignore[arg-type] # it takes any buffer
        behind = kind.FromString(view[stop:])  # type: ignore[arg-type]
    except DecodeError:
        return -1
    return -1 if behind.nonce else stop - len(nonce)
