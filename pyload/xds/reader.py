"""Reads discovery responses, each only once however many proxies receive it.

Responses to different proxies mostly differ in nothing but the nonce. So what was learnt of one is
kept with the bytes around its nonce, and found again by them.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain, repeat
from typing import TYPE_CHECKING, Final

from pyload.errors import RemoteProtocolError
from pyload.xds import resources
from pyload.xds.graph import NO_RESOURCES, Graph
from pyload.xds.messages import LARGE
from pyload.xds.responses import Response, parse
from pyload.xds.types import CDS, LDS, TypeUrl
from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from pyload.xds.messages import Message
    from pyload.xds.resources import Resource
    from pyload.xds.responses import Parsed

_ENDS: Final = 256
"""Most different ends that are kept of messages that are the same up to there."""
_RESOURCE_BYTES: Final = 120
"""About what one resource of a response takes in its tables."""

_Known = tuple[str, bytes | None, "Resource"]
_NOTHING: Final[_Known] = ("", None, resources.Resource(""))


class _Ends:
    """Responses that are the same but for their last bytes, found by what surrounds the nonce."""

    __slots__ = ("_known", "_shapes")

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes, bool], Response] = {}
        # How many bytes there are before the nonce, and after it.
        self._shapes: set[tuple[int, int]] = set()

    def find(self, tail: bytes, *, delta: bool) -> tuple[Response, str] | None:
        """Give the response with such an end, and its nonce."""
        for before, after in self._shapes:
            stop = len(tail) - after
            response = self._known.get((tail[:before], tail[stop:], delta))
            # Nonces that are not ASCII are not to be cut off by their length in bytes.
            if response is not None and (nonce := tail[before:stop]).isascii():
                return response, nonce.decode("ascii")
        return None

    def add(self, before: bytes, after: bytes, response: Response, *, delta: bool) -> None:
        """Remember a response."""
        if len(self._known) >= _ENDS:
            self._known.clear()
            self._shapes.clear()
        self._known[before, after, delta] = response
        self._shapes.add((len(before), len(after)))


class Reader:
    """Reads responses, and remembers what it has read.

    Args:
        decoder: Decodes resources.
        limit: Bytes of messages to remember; most large ones are remembered with their records.

    Attributes:
        decoder: It.
        size: Bytes of messages that are remembered.
    """

    def __init__(self, decoder: resources.Decoder | None = None, *, limit: int = 4 << 20) -> None:
        self.decoder = resources.Decoder() if decoder is None else decoder
        self._limit = limit
        self._known: OrderedDict[Hashable, Response] = OrderedDict()
        self.size = 0
        # The resources of the last response of each type that is decoded.
        self._last: dict[TypeUrl, list[_Known]] = {}

    def read(self, message: Message, *, delta: bool) -> tuple[Response, str]:
        """Give what a message says, and its nonce.

        Raises:
            RemoteProtocolError: The bytes are no response.
        """
        ends: _Ends | None = message.facts
        found = None if ends is None else ends.find(message.tail, delta=delta)
        if found is not None:
            return found
        data = message.whole()
        parsed = parse(data, delta=delta)
        nonce = parsed.nonce
        if message.shared:
            return self._learn(message, parsed, data), nonce
        if len(data) >= LARGE:
            return self._response(parsed, data), nonce
        start = _nonce_at(parse(data, delta=delta), data)
        if start < 0:
            return self._response(parsed, data), nonce
        key = (data[:start], data[start + len(nonce) :], delta)
        return self._remembered(key, lambda: self._response(parsed, data)), nonce

    def _learn(self, message: Message, parsed: Parsed, data: bytes) -> Response:
        """Read a message that others are like."""
        response, size = self._response(parsed, data), len(parsed.nonce)
        start = _nonce_at(parsed, data)
        first = len(data) - len(message.tail)
        if start >= first:
            ends: _Ends = message.facts or _Ends()
            delta = isinstance(parsed, discovery_pb2.DeltaDiscoveryResponse)
            ends.add(data[first:start], data[start + size :], response, delta=delta)
            message.learn(ends, len(message.tail) + _RESOURCE_BYTES * len(response.resources))
        return response

    def _remembered(self, key: Hashable, read: Callable[[], Response]) -> Response:
        """Give a response that was read before, or read it now."""
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        response = self._known[key] = read()
        self.size += response.size
        while self.size > self._limit and len(self._known) > 1:
            _, forgotten = self._known.popitem(last=False)
            self.size -= forgotten.size
        return response

    def _response(self, parsed: Parsed, data: bytes) -> Response:
        type_url = TypeUrl(parsed.type_url)
        if isinstance(parsed, discovery_pb2.DeltaDiscoveryResponse):
            return self._delta_response(type_url, parsed, len(data))
        found: tuple[Resource, ...] = ()
        error = ""
        if type_url in (CDS, LDS):
            try:
                found = self._resources(type_url, zip(repeat(""), parsed.resources, strict=False))
            except RemoteProtocolError as refused:
                error = refused.what
        return Response(
            type_url,
            parsed.version_info,
            size=len(data),
            count=len(parsed.resources),
            resources=found,
            error=error,
            graph=NO_RESOURCES if error else Graph.of(found),
        )

    def _delta_response(
        self, type_url: TypeUrl, parsed: discovery_pb2.DeltaDiscoveryResponse, size: int
    ) -> Response:
        sent = [(one.name, one.version, one.resource) for one in parsed.resources]
        removed = tuple(parsed.removed_resources)
        version = parsed.system_version_info

        def read() -> Response:
            found: tuple[Resource, ...] = ()
            error = ""
            try:
                found = tuple(self._decoded(type_url, sent))
            except RemoteProtocolError as refused:
                error = refused.what
            return Response(
                type_url,
                version,
                size=size,
                count=len(sent),
                resources=found,
                removed=removed,
                error=error,
            )

        if type_url in (CDS, LDS) or len({name for name, _, _ in sent}) < len(sent):
            return read()
        # Endpoints come in another order each time, and mean the same.
        return self._remembered((type_url, version, size, frozenset(sent), removed), read)

    def _decoded(
        self, type_url: TypeUrl, sent: Iterable[tuple[str, str, bytes]]
    ) -> Iterator[Resource]:
        if type_url not in (CDS, LDS):
            for name, version, _ in sent:
                yield resources.Resource(name, (), version)
            return
        found = self._resources(type_url, ((version, body) for _, version, body in sent))
        for (name, _, _), resource in zip(sent, found, strict=True):
            if resource.name != name:
                raise RemoteProtocolError(
                    f"a resource called {name[:128]!r} calls itself {resource.name[:128]!r}"
                )
            yield resource

    def _resources(
        self, type_url: TypeUrl, sent: Iterable[tuple[str, bytes]]
    ) -> tuple[Resource, ...]:
        """Decode resources with their versions.

        Most stand where they stood in the last such response. To compare with those is cheaper than
        to look each up by its hash, and makes them the same objects.
        """
        last = chain(self._last.get(type_url, ()), repeat(_NOTHING))
        found = [
            old if body == old[1] and version == old[0] else self._resource(type_url, version, body)
            for (version, body), old in zip(sent, last, strict=False)
        ]
        self._last[type_url] = found
        return tuple(resource for _, _, resource in found)

    def _resource(self, type_url: TypeUrl, version: str, body: bytes) -> _Known:
        resource = self.decoder.decode(type_url, body)
        return version, body, resource._replace(version=version) if version else resource


READER: Final = Reader()
"""Shared by all streams of the process that name no other."""


def _nonce_at(parsed: Parsed, data: bytes) -> int:
    """Find where the nonce stands, such that another in its place changes nothing else.

    The same bytes could stand in a resource too; a response that was found again by the wrong place
    would be somebody else's.

    Args:
        parsed: The response; it is taken apart.
        data: It, encoded.

    Returns:
        Where in `data`; -1 if that cannot be said.
    """
    nonce = parsed.nonce
    # If all fields stand in their order, what the nonce begins is what is left without those
    # before it.
    if not nonce.isascii() or parsed.SerializeToString() != data:
        return -1
    parsed.ClearField("resources")
    parsed.ClearField("type_url")
    if isinstance(parsed, discovery_pb2.DeltaDiscoveryResponse):
        parsed.ClearField("system_version_info")
    else:
        parsed.ClearField("version_info")
    left = len(parsed.SerializeToString())
    # Behind its tag, and its length in groups of seven bits.
    return len(data) - left + 1 + max(1, (len(nonce).bit_length() + 6) // 7)
