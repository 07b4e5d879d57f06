"""What pyload keeps of a discovery response, made once however many proxies receive it.

Responses to different proxies mostly differ in nothing but the nonce. So what was learnt of one is
kept with the bytes around its nonce, and found again by them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary, ref

from google.protobuf.message import DecodeError

from pyload.errors import RemoteProtocolError
from pyload.xds import resources
from pyload.xds.graph import NO_RESOURCES, Graph, Names
from pyload.xds.types import CDS, LDS, TypeUrl
from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.xds.messages import Body, Message
    from pyload.xds.resources import Resource

_FACTS: Final = 8
"""Most different ends that are kept of messages with one shared body."""


class Details(NamedTuple):
    """The resources of a response.

    Attributes:
        names: Their names.
        bodies: They, each an encoded ``google.protobuf.Any``.
    """

    names: tuple[str, ...] = ()
    bodies: tuple[bytes, ...] = ()


NO_DETAILS: Final = Details()


class Response:
    """A response without its nonce.

    Attributes:
        type_url: What it carries.
        version: The control plane's version, as sent.
        size: Bytes of the encoded response.
        count: How many resources it carries.
        resources: Those resources; in SotW only of types that refer to others.
        removed: The names that it removes; none in SotW.
        error: Why it must be refused; empty if it is good.
        graph: SotW: the state that it describes.
    """

    __slots__ = (
        "_after",
        "_details",
        "_unmatched",
        "_wanted",
        "count",
        "error",
        "graph",
        "removed",
        "resources",
        "size",
        "type_url",
        "version",
    )

    def __init__(
        self,
        type_url: TypeUrl,
        version: str,
        *,
        size: int,
        count: int,
        resources: tuple[Resource, ...] = (),
        removed: tuple[str, ...] = (),
        error: str = "",
        graph: Graph = NO_RESOURCES,
    ) -> None:
        self.type_url = type_url
        self.version = version
        self.size = size
        self.count = count
        self.resources = resources
        self.removed = removed
        self.error = error
        self.graph = graph
        self._after: WeakKeyDictionary[Graph, ref[Graph]] = WeakKeyDictionary()
        self._details: Details | None = None
        # The last answer of `unmatched`: after a push, all proxies want the same.
        self._wanted: Names | None = None
        self._unmatched: tuple[str, ...] = ()

    def after(self, before: Graph) -> Graph:
        """Delta: give the state of a proxy that was in another before this response."""
        known = self._after.get(before)
        graph = known() if known is not None else None
        if graph is None:
            graph = before.updated(self.resources, self.removed)
            self._after[before] = ref(graph)
        return graph

    def unmatched(self, wanted: Names) -> tuple[str, ...]:
        """Give the names of its resources that are not among those wanted."""
        if self._wanted is not wanted:
            members = wanted.members
            self._unmatched = tuple(one.name for one in self.resources if one.name not in members)
            self._wanted = wanted
        return self._unmatched

    def details(self, message: Message, *, delta: bool) -> Details:
        """Give names and bodies of its resources, the same objects to all who receive it.

        Args:
            message: It, as one proxy has received it.
            delta: Whether that is a message of delta xDS.
        """
        if self._details is None:
            parsed = parse(message.whole(), delta=delta)
            if isinstance(parsed, discovery_pb2.DeltaDiscoveryResponse):
                names = tuple(one.name for one in parsed.resources)
                bodies = tuple(one.resource for one in parsed.resources)
            else:
                bodies = tuple(parsed.resources)
                names = tuple(map(resources.name_of, bodies))
            self._details = Details(names, bodies)
        return self._details


class _Fact(NamedTuple):
    """A response, and the bytes around its nonce in the stream's own part of the message."""

    before: bytes
    after: bytes
    delta: bool
    response: Response


class Reader:
    """Reads responses, and remembers what it has read.

    Args:
        decoder: Decodes resources.
        limit: Bytes of small messages to remember; large ones are remembered with their bodies.
    """

    def __init__(self, decoder: resources.Decoder | None = None, *, limit: int = 4 << 20) -> None:
        self.decoder = resources.Decoder() if decoder is None else decoder
        self._limit = limit
        self._size = 0
        self._small: OrderedDict[tuple[bytes, bytes, bool], Response] = OrderedDict()

    def read(self, message: Message, *, delta: bool) -> tuple[Response, str]:
        """Give what a message says, and its nonce.

        Raises:
            RemoteProtocolError: The bytes are no response.
        """
        body = message.body
        if body is not None and body.facts is not None:
            tail = message.tail
            for before, after, variant, response in body.facts:
                if variant is delta and tail.startswith(before) and tail.endswith(after):
                    nonce = tail[len(before) : len(tail) - len(after)]
                    # Others are not ASCII, and not to be cut off by their length in bytes.
                    if nonce.isascii():
                        return response, nonce.decode("ascii")
        return self._learn(message, delta=delta)

    def _learn(self, message: Message, *, delta: bool) -> tuple[Response, str]:
        data = message.whole()
        parsed = parse(data, delta=delta)
        nonce = parsed.nonce.encode()
        start = _nonce_at(data, nonce, delta=delta, floor=len(data) - len(message.tail))
        if start is None:
            return self._response(parsed, data), parsed.nonce
        if message.body is not None:
            response = self._response(parsed, data)
            shift = len(data) - len(message.tail)
            _keep(
                message.body,
                _Fact(data[shift:start], data[start + len(nonce) :], delta, response),
            )
            return response, parsed.nonce
        key = (data[:start], data[start + len(nonce) :], delta)
        known = self._small.get(key)
        if known is None:
            known = self._small[key] = self._response(parsed, data)
            self._size += len(data)
            while self._size > self._limit and len(self._small) > 1:
                _, forgotten = self._small.popitem(last=False)
                self._size -= forgotten.size
        else:
            self._small.move_to_end(key)
        return known, parsed.nonce

    def _response(self, parsed: Parsed, data: bytes) -> Response:
        type_url = TypeUrl(parsed.type_url)
        delta = isinstance(parsed, discovery_pb2.DeltaDiscoveryResponse)
        found: tuple[Resource, ...] = ()
        error = ""
        try:
            if isinstance(parsed, discovery_pb2.DeltaDiscoveryResponse):
                found = tuple(self._decoded(type_url, parsed))
            elif type_url in (CDS, LDS):
                found = tuple(self.decoder.decode(type_url, one) for one in parsed.resources)
        except RemoteProtocolError as refused:
            error = refused.what
        return Response(
            type_url,
            parsed.version_info
            if isinstance(parsed, discovery_pb2.DiscoveryResponse)
            else parsed.system_version_info,
            size=len(data),
            count=len(parsed.resources),
            resources=() if error else found,
            removed=tuple(parsed.removed_resources)
            if isinstance(parsed, discovery_pb2.DeltaDiscoveryResponse)
            else (),
            error=error,
            graph=NO_RESOURCES if delta or error else Graph.of(found),
        )

    def _decoded(
        self, type_url: TypeUrl, parsed: discovery_pb2.DeltaDiscoveryResponse
    ) -> Iterator[Resource]:
        for wrapper in parsed.resources:
            refs: resources.Refs = ()
            if type_url in (CDS, LDS):
                resource = self.decoder.decode(type_url, wrapper.resource)
                if resource.name != wrapper.name:
                    raise RemoteProtocolError(
                        f"a resource called {wrapper.name[:128]!r} "
                        f"calls itself {resource.name[:128]!r}"
                    )
                refs = resource.refs
            yield resources.Resource(wrapper.name, refs, wrapper.version)


READER: Final = Reader()
"""Shared by all streams of the process that name no other."""

Parsed = discovery_pb2.DiscoveryResponse | discovery_pb2.DeltaDiscoveryResponse


def parse(data: bytes, *, delta: bool) -> Parsed:
    """Parse a response.

    Raises:
        RemoteProtocolError: The bytes are no response, or lack its type or its nonce.
    """
    try:
        parsed: Parsed = (
            discovery_pb2.DeltaDiscoveryResponse.FromString(data)
            if delta
            else discovery_pb2.DiscoveryResponse.FromString(data)
        )
    except DecodeError as error:
        kind = "delta discovery response" if delta else "discovery response"
        raise RemoteProtocolError(f"the message is no {kind}") from error
    if not parsed.type_url or not parsed.nonce:
        raise RemoteProtocolError("the response has no type or no nonce")
    return parsed


def _nonce_at(data: bytes, nonce: bytes, *, delta: bool, floor: int) -> int | None:
    """Find where the nonce stands, if putting another in its place changes nothing else.

    The bytes could stand in a resource too; a response that was found again by the wrong place
    would be somebody else's.
    """
    start = data.rfind(nonce, floor)
    if start < 0 or not nonce.isascii():
        return None
    other = b"n" * len(nonce)
    if other == nonce:
        other = b"m" * len(nonce)
    try:
        changed = parse(data[:start] + other + data[start + len(nonce) :], delta=delta)
    except RemoteProtocolError:
        return None
    if changed.nonce.encode() != other:
        return None
    changed.nonce = nonce.decode()
    return start if changed == parse(data, delta=delta) else None


def _keep(body: Body, fact: _Fact) -> None:
    if body.facts is None:
        body.facts = []
    elif len(body.facts) >= _FACTS:
        body.facts.pop(0)
    body.facts.append(fact)
