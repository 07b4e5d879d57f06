"""The incremental variant of xDS, from one proxy's side.

Responses carry what has changed and what is gone; requests what is wanted from now on and what no
more. A sidecar, gateway or waypoint asks for clusters, then as in `pyload.xds.sotw`; a ztunnel asks
for all workloads and policies, and for nothing else. On a new stream the proxy repeats what it is
subscribed to, and says what it has of it, as Envoy and ztunnel do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.errors import LocalProtocolError
from pyload.xds import requests
from pyload.xds.resource_set import NO_NAMES, NO_RESOURCES, NameSet, refs
from pyload.xds.response_cache import RESPONSE_CACHE
from pyload.xds.responses import NO_DETAILS
from pyload.xds.sotw import ON_PURPOSE
from pyload.xds.types import (
    ADDRESS,
    AUTHORIZATION,
    CDS,
    ECDS,
    EDS,
    LDS,
    NDS,
    RDS,
    SDS,
    Push,
    Received,
    TypeUrl,
)

if TYPE_CHECKING:
    from pyload.xds.messages import Message
    from pyload.xds.resource_set import ResourceSet
    from pyload.xds.response_cache import ResponseCache
    from pyload.xds.responses import Response


class Delta:
    """One proxy, over any number of streams one after the other.

    Call `start` for each stream, then `receive` for every message; both give messages that must be
    sent, in order. Nothing here keeps a message.

    Args:
        node_type: ``ztunnel`` asks for other types than all the rest.
        reader: Reads responses.
        detail: Whether pushes carry names and bodies.
        agent_types: Types that the agent beside the proxy asks for once listeners are.
        refuse: Whether to refuse every good response but the first of a type and stream.
        max_request: Bytes of names or versions that one request may hold.

    Attributes:
        secrets: Whether secrets are waited for: without TLS, istiod gives them to nobody.
    """

    __slots__ = (
        "_agent_types",
        "_detail",
        "_first",
        "_max_request",
        "_reader",
        "_refuse",
        "_watches",
        "secrets",
    )

    def __init__(
        self,
        *,
        node_type: str = "sidecar",
        reader: ResponseCache = RESPONSE_CACHE,
        detail: bool = False,
        agent_types: tuple[TypeUrl, ...] = (),
        refuse: bool = False,
        max_request: int = requests.MAX_REQUEST,
    ) -> None:
        self._first = (ADDRESS, AUTHORIZATION) if node_type == "ztunnel" else (CDS,)
        self._reader = reader
        self._detail = detail
        self._agent_types = agent_types
        self._refuse = refuse
        self._max_request = max_request
        self._watches: dict[TypeUrl, _Watch] = {}
        self.secrets = True

    @property
    def configured(self) -> bool:
        """Whether every type that is subscribed to has been answered, clusters and listeners too.

        A type of which no name is wanted is not waited for, and neither are the agent's, nor
        secrets where nobody would give them.
        """
        return (LDS in self._watches or CDS not in self._first) and all(
            watch.answered
            for watch in self._watches.values()
            if watch.active
            and watch.type_url not in self._agent_types
            and (self.secrets or watch.type_url != SDS)
        )

    def start(self, node: bytes) -> list[bytes]:
        """Begin a stream.

        Args:
            node: The encoded node, see `pyload.xds.node`; it goes into the first request alone.
        """
        if not self._watches:
            for type_url in self._first:
                self._watch(type_url)
        send: list[bytes] = []
        for watch in self._watches.values():
            watch.dropped = frozenset()
            if watch.active:
                send += watch.resume(self._max_request)
        send[0] = requests.delta_node(node) + send[0]
        return send

    def receive(self, message: Message) -> Received:
        """Take one response.

        A response with a resource that cannot be decoded is refused, and what was known before
        it stands. A response of a type that was never subscribed to is not answered.

        Raises:
            LocalProtocolError: The stream has not started.
            RemoteProtocolError: The bytes are no response; the stream is of no more use.
        """
        if not self._watches:
            raise LocalProtocolError("the stream has not started")
        response, nonce = self._reader.read(message, delta=True)
        type_url = response.type_url
        watch = self._watches.get(type_url)
        if watch is None:
            return Received([], self._push(response, nonce, message, error="not subscribed to"))
        if type_url == NDS and not response.count:
            # The agent drops an empty name table without a word.
            return Received([], self._push(response, nonce, message))
        answer = requests.delta_type(type_url) + requests.delta_nonce(nonce)
        error = response.error or (ON_PURPOSE if self._refuse and watch.answered else "")
        if error:
            return Received(
                [answer + requests.delta_refusal(error)],
                self._push(response, nonce, message, error=error),
            )
        watch.take(response)
        return Received(
            [answer, *self._follow(type_url)],
            self._push(response, nonce, message),
            watch.unmatched(response),
        )

    def _follow(self, type_url: TypeUrl) -> list[bytes]:
        """Subscribe to what is newly referred to, and give up what nothing refers to any more."""
        if type_url not in (CDS, LDS):
            return []
        clusters, listeners = self._resources(CDS), self._resources(LDS)
        send: list[bytes] = []
        if type_url == CDS:
            send += self._subscribe(EDS, clusters.refs(EDS))
            if LDS not in self._watches:
                for one in (LDS, *self._agent_types):
                    self._watch(one)
                    send.append(requests.delta_type(one))
            send += self._subscribe(SDS, refs(SDS, clusters, listeners))
        else:
            send += self._subscribe(SDS, refs(SDS, clusters, listeners))
            send += self._subscribe(ECDS, listeners.refs(ECDS))
            send += self._subscribe(RDS, listeners.refs(RDS))
        return send

    def _resources(self, type_url: TypeUrl) -> ResourceSet:
        watch = self._watches.get(type_url)
        return NO_RESOURCES if watch is None else watch.resource_set

    def _subscribe(self, type_url: TypeUrl, names: NameSet) -> list[bytes]:
        watch = self._watches.get(type_url)
        if watch is None:
            if not names:
                return []
            watch = self._watch(type_url)
            watch.names = NO_NAMES
        before = watch.names
        if names is before:
            return []
        watch.names = names
        watch.active = bool(names)
        head = requests.delta_type(type_url)
        if not before:
            return [head + one for one in requests.subscriptions(names, limit=self._max_request)]
        step = names.since(before)
        watch.dropped = step.dropped
        return [head + step.encoded]

    def _watch(self, type_url: TypeUrl) -> _Watch:
        watch = self._watches[type_url] = _Watch(type_url)
        return watch

    def _push(self, response: Response, nonce: str, message: Message, *, error: str = "") -> Push:
        names, bodies = NO_DETAILS
        if self._detail:
            names, bodies = response.details(message, delta=True)
        return Push(
            type_url=response.type_url,
            size=response.size,
            resources=response.count,
            removed=len(response.removed),
            nonce=nonce,
            version=response.version,
            error=error,
            names=names,
            removed_names=response.removed if self._detail else (),
            bodies=bodies,
        )


class _Watch:
    """The subscription to one type.

    Attributes:
        names: What is wanted; None for everything.
        dropped: What the last request gave up, which may still be on its way.
        resource_set: What the proxy has of it.
    """

    __slots__ = ("_forget", "active", "answered", "dropped", "names", "resource_set", "type_url")

    def __init__(self, type_url: TypeUrl) -> None:
        self.type_url = type_url
        self.names: NameSet | None = None
        self.dropped: frozenset[str] = frozenset()
        self.active = True
        self.answered = False
        self.resource_set = NO_RESOURCES
        self._forget = False

    def resume(self, limit: int) -> list[bytes]:
        """Subscribe on a new stream, and say what the proxy has.

        What would not fit into a request is left out; the control plane then sends everything.
        """
        self.answered = False
        head = requests.delta_type(self.type_url)
        if self.names is None:
            names = [b""]
        else:
            names = list(requests.subscriptions(self.names, limit=limit))
            self._drop_unwanted(self.names)
        versions = self.resource_set.versions
        self._forget = len(names) > 1 or len(names[0]) + len(versions) > limit
        if not self._forget:
            names[0] += versions
        return [head + one for one in names]

    def take(self, response: Response) -> None:
        """Take a good response."""
        self.resource_set = response.after(NO_RESOURCES if self._forget else self.resource_set)
        self._forget = False
        self.answered = True

    def unmatched(self, response: Response) -> tuple[str, ...]:
        """Name the resources that nothing has asked for."""
        if self.names is None:
            return ()
        unmatched = response.unmatched(self.names)
        if unmatched and self.dropped:
            return tuple(name for name in unmatched if name not in self.dropped)
        return unmatched

    def _drop_unwanted(self, wanted: NameSet) -> None:
        """Forget resources given up on the last stream: their removal is not announced."""
        unwanted = self.resource_set.by_name.keys() - wanted.members
        if unwanted:
            self.resource_set = self.resource_set.updated((), unwanted)
