"""The state-of-the-world variant of xDS, from the proxy's side of one stream.

A proxy asks for all clusters; for the endpoints of those that want them, and for all listeners,
once it has clusters; for the routes, secrets and extensions that the listeners name. Each
subscription is the full list of names, and so is each acknowledgement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from pyload.errors import LocalProtocolError, RemoteProtocolError
from pyload.xds import resources
from pyload.xds.graph import NO_NAMES, NO_RESOURCES, Graph, Names, refs
from pyload.xds.types import CDS, ECDS, EDS, LDS, RDS, SDS, Push, Received, TypeUrl
from pyload.xds.wire import config_pb2, discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

# What Envoy answers for a configuration that it cannot take: google.rpc.Code.INTERNAL.
REFUSED: Final = 13


class Sotw:
    """One SotW stream.

    Call `start` once, then `receive` for every message; both give messages that must be sent, in
    order. Nothing here keeps a message.

    Args:
        node: The encoded node, see `pyload.xds.node`.
        decoder: What decodes clusters and listeners.
        detail: Whether pushes carry names and bodies.
    """

    def __init__(
        self,
        node: bytes,
        *,
        decoder: resources.Decoder = resources.DECODER,
        detail: bool = False,
    ) -> None:
        self._node = node
        self._decoder = decoder
        self._detail = detail
        self._watches: dict[TypeUrl, _Watch] = {}
        self._graphs = {CDS: NO_RESOURCES, LDS: NO_RESOURCES}

    @property
    def configured(self) -> bool:
        """Whether every type that is subscribed to has been answered, clusters and listeners too.

        A type of which no name is wanted is not waited for.
        """
        return LDS in self._watches and all(
            watch.answered for watch in self._watches.values() if watch.active
        )

    def start(self) -> list[bytes]:
        """Begin the stream.

        Raises:
            LocalProtocolError: It has begun already.
        """
        if self._watches:
            raise LocalProtocolError("the stream has started already")
        node = discovery_pb2.DiscoveryRequest(node=discovery_pb2.Node.FromString(self._node))
        self._node = b""
        return [node.SerializeToString() + self._watch(CDS).request()]

    def receive(self, message: bytes) -> Received:
        """Take one response.

        A response with a resource that cannot be decoded is refused, and what was known before
        it stands. A response of a type that is not subscribed to is not answered.

        Raises:
            LocalProtocolError: The stream has not started.
            RemoteProtocolError: The bytes are no response; the stream is of no more use.
        """
        if not self._watches:
            raise LocalProtocolError("the stream has not started")
        try:
            response = discovery_pb2.DiscoveryResponse.FromString(message)
        except DecodeError as error:
            raise RemoteProtocolError("the message is no discovery response") from error
        if not response.type_url or not response.nonce:
            raise RemoteProtocolError("the response has no type or no nonce")
        type_url = TypeUrl(response.type_url)
        watch = self._watches.get(type_url)
        if watch is None or not watch.active:
            return Received([], self._push(response, message, error="not subscribed to"))
        watch.nonce = response.nonce
        try:
            self._update(type_url, response.resources)
        except RemoteProtocolError as error:
            return Received(
                [watch.request(refused=error.what)],
                self._push(response, message, error=error.what),
            )
        watch.version = response.version_info
        watch.answered = True
        return Received([watch.request(), *self._follow(type_url)], self._push(response, message))

    def _update(self, type_url: TypeUrl, found: Sequence[bytes]) -> None:
        if type_url in self._graphs:
            decode = self._decoder.decode
            self._graphs[type_url] = Graph.of([decode(type_url, data) for data in found])

    def _follow(self, type_url: TypeUrl) -> list[bytes]:
        """Subscribe to what the new clusters or listeners refer to."""
        clusters, listeners = self._graphs[CDS], self._graphs[LDS]
        send: list[bytes] = []
        if type_url == CDS:
            send += self._subscribe(EDS, clusters.refs(EDS))
            if LDS not in self._watches:
                send.append(self._watch(LDS).request())
            send += self._subscribe(SDS, refs(SDS, clusters, listeners))
        elif type_url == LDS:
            send += self._subscribe(SDS, refs(SDS, clusters, listeners))
            send += self._subscribe(ECDS, listeners.refs(ECDS))
            send += self._subscribe(RDS, listeners.refs(RDS))
        return send

    def _subscribe(self, type_url: TypeUrl, names: Names) -> list[bytes]:
        watch = self._watches.get(type_url)
        if watch is None:
            if not names:
                return []
            watch = self._watch(type_url)
        elif names is watch.names:
            return []
        watch.names = names
        # A request without names ends the subscription, for all types but the wildcards.
        watch.active = bool(names)
        return [watch.request()]

    def _watch(self, type_url: TypeUrl) -> _Watch:
        watch = self._watches[type_url] = _Watch(type_url)
        return watch

    def _push(
        self, response: discovery_pb2.DiscoveryResponse, message: bytes, *, error: str = ""
    ) -> Push:
        bodies = tuple(response.resources) if self._detail else ()
        return Push(
            type_url=TypeUrl(response.type_url),
            size=len(message),
            resources=len(response.resources),
            removed=0,
            nonce=response.nonce,
            version=response.version_info,
            error=error,
            names=tuple(_name(body) for body in bodies),
            bodies=bodies,
        )


class _Watch:
    """The subscription to one type."""

    __slots__ = ("_type", "active", "answered", "names", "nonce", "version")

    def __init__(self, type_url: TypeUrl) -> None:
        self._type = discovery_pb2.DiscoveryRequest(type_url=type_url).SerializeToString()
        self.names = NO_NAMES
        self.active = True
        self.answered = False
        self.nonce = ""
        self.version = ""

    def request(self, *, refused: str = "") -> bytes:
        """Encode a request: a subscription, an acknowledgement, or a refusal.

        Protobuf merges concatenated messages, so the names are not encoded again.
        """
        rest = discovery_pb2.DiscoveryRequest(version_info=self.version, response_nonce=self.nonce)
        if refused:
            rest.error_detail.code = REFUSED
            rest.error_detail.message = refused
        return self._type + self.names.encoded + rest.SerializeToString()


def _name(body: bytes) -> str:
    try:
        return config_pb2.Named.FromString(resources.unpack(body)).name
    except DecodeError:
        return ""
