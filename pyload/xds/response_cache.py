"""Discovery responses, read only once however many proxies receive them.

A push sends much the same response to each of ten thousand proxies, and most of the work is in its
resources. So a `Response` is kept with what identifies it, and found again in one of three ways:

- A large message has a shared part, recorded in a prefix cache (see `pyload.xds.messages`), and a
  tail of its own. Its annotation is a `_SuffixTable`: the responses with this shared part, by the
  bytes before and behind the nonce in the tail. Nothing is parsed, and no byte before the tail is
  looked at.
- A small message is parsed, which is cheap, and looked up by all its bytes but those of the nonce.
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
from pyload.xds.types import CDS, LDS, TypeUrl
from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from pyload.xds.marks import Mark, Marks
    from pyload.xds.messages import Message
    from pyload.xds.resources import Resource
    from pyload.xds.responses import ParsedResponse

_SUFFIXES: Final = 4096
"""Most responses of one suffix table: they differ in their tails alone."""
_RESOURCE_BYTES: Final = 120
"""About as many bytes does a response use for each resource."""

_Known = tuple[bytes | None, resources.Resource, "tuple[Mark, ...]"]
"""The bytes of a resource, what they decode to, and the marks in it."""
_NOTHING: Final[_Known] = (None, resources.Resource(""), ())


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

    def __init__(self, *, limit: int = 4 << 20) -> None:
        self.decoder = resources.Decoder()
        self._limit = limit
        self._known: OrderedDict[Hashable, Response] = OrderedDict()
        self.size = 0
        # The resources of the last response of each type, in its order.
        self._last: dict[tuple[TypeUrl, bool], list[_Known]] = {}

    def read(self, message: Message, *, delta: bool) -> tuple[Response, str]:
        """Return the response in a message, the same object for all who receive it, and its nonce.

        Raises:
            RemoteProtocolError: The bytes are no response.
        """
        suffixes: _SuffixTable | None = message.annotation
        found = None if suffixes is None else suffixes.find(message.tail, delta=delta)
        if found is not None:
            return found
        data = message.whole()
        parsed = parse(data, delta=delta)
        nonce = parsed.nonce
        if message.shared:
            return self._read_shared(message, parsed, data), nonce
        if len(data) >= LARGE:
            return self._response(parsed, data), nonce
        start = _nonce_at(parsed, data)
        if start < 0:
            return self._response(parsed, data), nonce
        key = (data[:start], data[start + len(nonce) :], delta)
        known = self._recall(key)
        if known is None:
            known = self._response(parsed, data)
            self._remember(key, known)
        return known, nonce

    def _read_shared(self, message: Message, parsed: ParsedResponse, data: bytes) -> Response:
        """Read a message with a shared part, and annotate that with the response."""
        response, size = self._response(parsed, data), len(parsed.nonce)
        start = _nonce_at(parsed, data)
        first = len(data) - len(message.tail)
        if start >= first:
            suffixes: _SuffixTable = message.annotation or _SuffixTable()
            delta = isinstance(parsed, DeltaResponse)
            suffixes.add(data[first:start], data[start + size :], response, delta=delta)
            message.annotate(
                suffixes, len(message.tail) + _RESOURCE_BYTES * len(response.resources)
            )
        return response

    def _recall(self, key: Hashable) -> Response | None:
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
        return known

    def _remember(self, key: Hashable, response: Response) -> None:
        self._known[key] = response
        self.size += response.size
        while self.size > self._limit and len(self._known) > 1:
            _, forgotten = self._known.popitem(last=False)
            self.size -= forgotten.size

    def _response(self, parsed: ParsedResponse, data: bytes) -> Response:
        type_url = TypeUrl(parsed.type_url)
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
            known = self._recall(key)
            if known is not None:
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
