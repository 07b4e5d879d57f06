"""The incremental variant of xDS, from the proxy's side of one stream.

Responses carry what has changed and what is gone; requests what is wanted from now on and what no
more. A sidecar, gateway or waypoint asks for clusters, then as in `pyload.xds.sotw`; a ztunnel asks
for all workloads and policies, and for nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from pyload.errors import LocalProtocolError, RemoteProtocolError
from pyload.xds import resources
from pyload.xds.graph import NO_NAMES, NO_RESOURCES, Names, refs
from pyload.xds.sotw import REFUSED
from pyload.xds.types import (
    ADDRESS,
    AUTHORIZATION,
    CDS,
    ECDS,
    EDS,
    LDS,
    RDS,
    SDS,
    Push,
    Received,
    TypeUrl,
)
from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator


class Delta:
    """One delta stream.

    Call `start` once, then `receive` for every message; both give messages that must be sent, in
    order. Nothing here keeps a message.

    Args:
        node: The encoded node, see `pyload.xds.node`.
        node_type: ``ztunnel`` asks for other types than all the rest.
        decoder: What decodes clusters and listeners.
        detail: Whether pushes carry names and bodies.
    """

    def __init__(
        self,
        node: bytes,
        *,
        node_type: str = "sidecar",
        decoder: resources.Decoder = resources.DECODER,
        detail: bool = False,
    ) -> None:
        self._node = node
        self._first = (ADDRESS, AUTHORIZATION) if node_type == "ztunnel" else (CDS,)
        self._decoder = decoder
        self._detail = detail
        self._watches: dict[TypeUrl, _Watch] = {}
        self._graphs = {} if node_type == "ztunnel" else {CDS: NO_RESOURCES, LDS: NO_RESOURCES}

    @property
    def configured(self) -> bool:
        """Whether every type that is subscribed to has been answered, clusters and listeners too.

        A type of which no name is wanted is not waited for.
        """
        return (LDS in self._watches or LDS not in self._graphs) and all(
            watch.answered for watch in self._watches.values() if watch.active
        )

    def start(self) -> list[bytes]:
        """Begin the stream.

        Raises:
            LocalProtocolError: It has begun already.
        """
        if self._watches:
            raise LocalProtocolError("the stream has started already")
        node = discovery_pb2.DeltaDiscoveryRequest(node=discovery_pb2.Node.FromString(self._node))
        self._node = b""
        send = [self._watch(type_url).type for type_url in self._first]
        send[0] = node.SerializeToString() + send[0]
        return send

    def receive(self, message: bytes) -> Received:
        """Take one response.

        A response with a resource that cannot be decoded is refused, and what was known before
        it stands. A response of a type that was never subscribed to is not answered.

        Raises:
            LocalProtocolError: The stream has not started.
            RemoteProtocolError: The bytes are no response; the stream is of no more use.
        """
        if not self._watches:
            raise LocalProtocolError("the stream has not started")
        try:
            response = discovery_pb2.DeltaDiscoveryResponse.FromString(message)
        except DecodeError as error:
            raise RemoteProtocolError("the message is no delta discovery response") from error
        if not response.type_url or not response.nonce:
            raise RemoteProtocolError("the response has no type or no nonce")
        type_url = TypeUrl(response.type_url)
        watch = self._watches.get(type_url)
        if watch is None:
            return Received([], self._push(response, message, error="not subscribed to"))
        try:
            self._update(type_url, response)
        except RemoteProtocolError as error:
            return Received(
                [watch.acknowledge(response.nonce, refused=error.what)],
                self._push(response, message, error=error.what),
            )
        watch.answered = True
        return Received(
            [watch.acknowledge(response.nonce), *self._follow(type_url)],
            self._push(response, message),
            self._unmatched(watch, response),
        )

    def _update(self, type_url: TypeUrl, response: discovery_pb2.DeltaDiscoveryResponse) -> None:
        graph = self._graphs.get(type_url)
        if graph is not None:
            changed = list(self._decoded(type_url, response))
            self._graphs[type_url] = graph.updated(changed, response.removed_resources)

    def _decoded(
        self, type_url: TypeUrl, response: discovery_pb2.DeltaDiscoveryResponse
    ) -> Iterator[resources.Resource]:
        for wrapper in response.resources:
            resource = self._decoder.decode(type_url, wrapper.resource)
            if resource.name != wrapper.name:
                raise RemoteProtocolError(
                    f"a resource called {wrapper.name[:128]!r} calls itself {resource.name[:128]!r}"
                )
            yield resource

    def _follow(self, type_url: TypeUrl) -> list[bytes]:
        """Subscribe to what is newly referred to, and give up what nothing refers to any more."""
        if type_url not in self._graphs:
            return []
        clusters, listeners = self._graphs[CDS], self._graphs[LDS]
        send: list[bytes] = []
        if type_url == CDS:
            send += self._subscribe(EDS, clusters.refs(EDS))
            if LDS not in self._watches:
                send.append(self._watch(LDS).type)
            send += self._subscribe(SDS, refs(SDS, clusters, listeners))
        else:
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
            watch.names = NO_NAMES
        if names is watch.names:
            return []
        before, watch.names = watch.names, names
        watch.active = bool(names)
        if not before:
            return [watch.type + names.encoded]
        change = discovery_pb2.DeltaDiscoveryRequest(
            resource_names_subscribe=sorted(names.members - before.members),
            resource_names_unsubscribe=sorted(before.members - names.members),
        )
        return [watch.type + change.SerializeToString()]

    def _unmatched(
        self, watch: _Watch, response: discovery_pb2.DeltaDiscoveryResponse
    ) -> tuple[str, ...]:
        if watch.names is None:
            return ()
        wanted = watch.names.members
        return tuple(one.name for one in response.resources if one.name not in wanted)

    def _watch(self, type_url: TypeUrl) -> _Watch:
        watch = self._watches[type_url] = _Watch(type_url)
        return watch

    def _push(
        self, response: discovery_pb2.DeltaDiscoveryResponse, message: bytes, *, error: str = ""
    ) -> Push:
        detail = self._detail
        return Push(
            type_url=TypeUrl(response.type_url),
            size=len(message),
            resources=len(response.resources),
            removed=len(response.removed_resources),
            nonce=response.nonce,
            version=response.system_version_info,
            error=error,
            names=tuple(one.name for one in response.resources) if detail else (),
            removed_names=tuple(response.removed_resources) if detail else (),
            bodies=tuple(one.resource for one in response.resources) if detail else (),
        )


class _Watch:
    """The subscription to one type; its names are None where it is to everything."""

    __slots__ = ("active", "answered", "names", "type")

    def __init__(self, type_url: TypeUrl) -> None:
        self.type = discovery_pb2.DeltaDiscoveryRequest(type_url=type_url).SerializeToString()
        self.names: Names | None = None
        self.active = True
        self.answered = False

    def acknowledge(self, nonce: str, *, refused: str = "") -> bytes:
        """Encode an acknowledgement or a refusal."""
        rest = discovery_pb2.DeltaDiscoveryRequest(response_nonce=nonce)
        if refused:
            rest.error_detail.code = REFUSED
            rest.error_detail.message = refused
        return self.type + rest.SerializeToString()
