"""What one proxy is subscribed to, and how it answers responses: the part that both variants share.

A proxy first asks for all clusters. When they have come it asks for the endpoints of those that
want them, and for all listeners; then for the routes, secrets and extensions that clusters and
listeners name. So one table of subscriptions by type, and the names that the last response refers
to, decide every request::

    CDS ──▶ EDS (names in clusters), SDS (names in clusters and listeners)
     │
     └────▶ LDS ──▶ SDS, ECDS, RDS (names in listeners)

`Subscriptions` makes these decisions and the one of ACK or NACK. How a request is worded, and what
it must repeat, differs between the variants and is in their `Subscription`: see `pyload.xds.sotw`
and `pyload.xds.delta`. Nothing here keeps a message or knows the transport.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

from pyload.errors import LocalProtocolError
from pyload.xds import requests
from pyload.xds.resource_set import NO_NAMES, NO_RESOURCES, WILDCARD, NameSet, ResourceSet, refs
from pyload.xds.response_cache import RESPONSE_CACHE
from pyload.xds.types import CDS, ECDS, EDS, LDS, NDS, RDS, SDS, Received, TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.xds.messages import Message
    from pyload.xds.responses import Response

NACK_ON_PURPOSE: Final = "refused on purpose by pyload"
"""The error of a NACK that answers a good response, for ``--nack-fraction``."""


class Subscription(ABC):
    """The subscription of one proxy to one type of resource, in the words of one variant."""

    __slots__ = ("answered", "names", "resources", "type_url", "version")

    def __init__(self, type_url: TypeUrl) -> None:
        self.type_url = type_url
        self.names = WILDCARD
        """The names that the proxy asks for; none, `NO_NAMES`, after the subscription has ended."""
        self.answered = False
        """Whether a good response has come on this stream."""
        self.resources = NO_RESOURCES
        """The resources that the proxy holds of this type."""
        self.version = ""
        """The version of the last response that was not answered with a NACK."""

    @abstractmethod
    def restart(self) -> list[bytes]:
        """Return the requests that repeat the subscription on a new stream; none if it ended."""

    @abstractmethod
    def change(self, names: NameSet) -> list[bytes]:
        """Ask for other names than before, and return the requests that say so."""

    @abstractmethod
    def ack(self, response: Response, nonce: str) -> bytes:
        """Replace or update the resources by a good response, and return its ACK."""

    @abstractmethod
    def nack(self, error: str, nonce: str) -> bytes:
        """Return the NACK of a response, after which the resources held stay as they were."""

    def unmatched(self, response: Response) -> tuple[str, ...]:  # noqa: ARG002 - for delta
        """Return the names of resources in a response that were never asked for."""
        return ()


class Subscriptions:
    """One proxy's side of the protocol, over any number of streams one after the other.

    Call `start` for each stream, then `receive` for every message. Both return messages that must
    be sent, in order.

    Args:
        with_resources: Whether pushes carry the names and bodies of resources.
        agent_types: Types that the agent beside the proxy asks for once listeners are.
        nack: Whether to answer every good response with a NACK but the first of a type and stream.
        first: Types that the first requests of all ask for.

    Attributes:
        secrets: Whether secrets are waited for: without TLS, istiod sends them to no proxy.
    """

    __slots__ = ("_agent_types", "_first", "_nack", "_subscriptions", "_with_resources", "secrets")

    delta: ClassVar[bool]
    """Which variant is spoken."""
    _kind: ClassVar[type[Subscription]]
    """How that variant words requests."""

    def __init__(
        self,
        *,
        with_resources: bool = False,
        agent_types: tuple[TypeUrl, ...] = (),
        nack: bool = False,
        first: tuple[TypeUrl, ...] = (CDS,),
    ) -> None:
        self._with_resources = with_resources
        self._agent_types = agent_types
        self._nack = nack
        self._first = first
        # In the order in which they began, which is that of the requests on a new stream.
        self._subscriptions: dict[TypeUrl, Subscription] = {}
        self.secrets = True

    @property
    def configured(self) -> bool:
        """Whether every type that is subscribed to has been answered, clusters and listeners too.

        A type of which no name is wanted is not waited for, and neither are the agent's types, nor
        secrets where the control plane would not send them.
        """
        if LDS not in self._subscriptions and CDS in self._first:
            return False
        return next(self.unanswered(), None) is None

    def unanswered(self) -> Iterator[TypeUrl]:
        """Yield the types that have to be answered before the proxy is configured."""
        for one in self._subscriptions.values():
            if (
                not one.answered
                and one.names is not NO_NAMES
                and one.type_url not in self._agent_types
                and (self.secrets or one.type_url != SDS)
            ):
                yield one.type_url

    def start(self, node: bytes) -> list[bytes]:
        """Begin a stream, and return its first requests.

        Args:
            node: The encoded node, see `pyload.xds.node`; it goes into the first request alone.
        """
        if not self._subscriptions:
            for type_url in self._first:
                self._add(type_url)
        send: list[bytes] = []
        for one in self._subscriptions.values():
            one.answered = False
            send += one.restart()
        send[0] = requests.node(node, delta=self.delta) + send[0]
        return send

    def receive(self, message: Message) -> Received:
        """Handle one response, and return what to send for it: an ACK or a NACK, then requests.

        A NACK answers a response with a resource that cannot be decoded; what the proxy held
        before it stays. A response of a type that the proxy does not ask for is not answered.

        Raises:
            LocalProtocolError: The stream has not started.
            RemoteProtocolError: The bytes are no response; the stream is of no more use.
        """
        if not self._subscriptions:
            raise LocalProtocolError("the stream has not started")
        response, nonce = RESPONSE_CACHE.read(message, delta=self.delta)
        type_url = response.type_url
        subscription = self._subscriptions.get(type_url)
        details = None
        if self._with_resources:
            details = response.details(message, delta=self.delta)
        # Delta announces the removal of names that were given up, and wants an ACK for it.
        if subscription is None or (subscription.names is NO_NAMES and not self.delta):
            return Received([], response, nonce, "not subscribed to", details=details)
        if type_url == NDS and not response.count:
            # The agent drops an empty name table without a word.
            return Received([], response, nonce, details=details)
        unsolicited = subscription.answered and response.version != subscription.version
        # ACK or NACK?
        error = response.error
        if not error and self._nack and subscription.answered:
            error = NACK_ON_PURPOSE
        if error:
            nack = subscription.nack(error, nonce)
            return Received([nack], response, nonce, error, unsolicited, details=details)
        subscription.answered = True
        send = [subscription.ack(response, nonce), *self._follow(type_url)]
        unmatched = subscription.unmatched(response)
        return Received(send, response, nonce, "", unsolicited, unmatched, details)

    def _follow(self, type_url: TypeUrl) -> list[bytes]:
        """Return the requests that subscribe to exactly the names now referred to."""
        if type_url not in (CDS, LDS):
            return []
        clusters, listeners = self._resources(CDS), self._resources(LDS)
        send: list[bytes] = []
        if type_url == CDS:
            send += self._subscribe(EDS, clusters.refs(EDS))
            if LDS not in self._subscriptions:
                for one in (LDS, *self._agent_types):
                    send += self._add(one).restart()
            send += self._subscribe(SDS, refs(SDS, clusters, listeners))
        else:
            send += self._subscribe(SDS, refs(SDS, clusters, listeners))
            send += self._subscribe(ECDS, listeners.refs(ECDS))
            send += self._subscribe(RDS, listeners.refs(RDS))
        return send

    def _resources(self, type_url: TypeUrl) -> ResourceSet:
        one = self._subscriptions.get(type_url)
        return NO_RESOURCES if one is None else one.resources

    def _subscribe(self, type_url: TypeUrl, names: NameSet) -> list[bytes]:
        """Return the requests that change the names of a subscription to these; none if equal."""
        one = self._subscriptions.get(type_url)
        if one is None:
            if not names:
                return []
            one = self._add(type_url)
            one.names = NO_NAMES
        return [] if names is one.names else one.change(names)

    def _add(self, type_url: TypeUrl) -> Subscription:
        one = self._subscriptions[type_url] = self._kind(type_url)
        return one
