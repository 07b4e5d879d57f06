"""What one proxy is subscribed to, and how it answers responses: the part that both variants share.

A proxy first asks for all clusters, then for the endpoints of those that want them, when these have
come for all listeners, and last for the routes, secrets and extensions that clusters and listeners
name. So one table of subscriptions by type, and the names that the last response refers to, decide
every request::

    CDS ──▶ EDS (names in clusters), SDS (names in clusters and listeners)
             │ all of these endpoints have come
             └────▶ LDS ──▶ ECDS, RDS, SDS (names in listeners)

An ACK or a NACK goes behind the requests that follow from its response, except for the first
clusters, whose answer goes first. Where clusters come later and are new, their answer is *held*
until their endpoints have come, since Envoy does not answer for clusters while it warms any.

Routes, secrets and extensions outlive the listeners that name them: Envoy drains the connections of
a listener that was removed or replaced, and keeps what they use until then. So after such a
response the listeners from before are *draining*, and what they name stays subscribed to until
`Subscriptions.drained` is called. All drains last equally long: the one that began first ends
first, and no time has to be known here.

`Subscriptions` makes these decisions and the one of ACK or NACK. How a request is worded, and what
it must repeat, differs between the variants and is in their `Subscription`: see `pyload.xds.sotw`
and `pyload.xds.delta`. Nothing here keeps a message or knows the transport.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from pyload.errors import LocalProtocolError
from pyload.xds import requests
from pyload.xds.resource_set import (
    NO_NAMES,
    NO_RESOURCES,
    NamesByType,
    NameSet,
    ResourceSet,
    refs,
    with_left,
)
from pyload.xds.response_cache import RESPONSE_CACHE
from pyload.xds.types import CDS, ECDS, EDS, LDS, NDS, RDS, SDS, WORKLOAD, Received, TypeUrl, short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.xds.messages import Message
    from pyload.xds.responses import Response
    from pyload.xds.subscription import Answer, Subscription

NACK_ON_PURPOSE: Final = "refused on purpose by pyload"
"""The error of a NACK that answers a good response, for ``--nack-fraction``."""

DRAIN_SECONDS: Final = 45.0
"""How long a listener drains: Istio's default, the ``drainDuration`` of a proxy's config."""

_NAMED: Final = 2
"""Endpoints that are named in words, where more are missing."""
_NONE: Final[frozenset[str]] = frozenset()


class Subscriptions:
    """One proxy's side of the protocol, over any number of streams one after the other.

    Call `start` for each stream, then `receive` for every message. Both return messages that must
    be sent, in order.

    Args:
        with_resources: Whether pushes carry the names and bodies of resources.
        agent_types: Types that the agent beside the proxy asks for once listeners are.
        nack: Whether to answer every good response with a NACK, but the first of a type and stream,
            and those that come while endpoints are awaited.
        first: Types that the first requests of all ask for.

    Attributes:
        secrets: Whether secrets are waited for: without TLS, istiod sends them to no proxy.
    """

    __slots__ = (
        "_agent_types",
        "_awaited",
        "_draining",
        "_first",
        "_held",
        "_nack",
        "_subscriptions",
        "_with_resources",
        "secrets",
    )

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
        # Endpoints that clusters want and that have never come.
        self._awaited = _NONE
        # The answers to responses of clusters that wait for those.
        self._held: tuple[Answer, ...] = ()
        # What the listeners of each drain name, in the order in which the drains began.
        self._draining: tuple[NamesByType, ...] = ()
        self.secrets = True

    @property
    def configured(self) -> bool:
        """Whether every type that is subscribed to has been answered, clusters and listeners too.

        A type of which no name is wanted is not waited for, and neither are the agent's types, a
        waypoint's workloads, nor secrets where the control plane would not send them.
        """
        if LDS not in self._subscriptions and CDS in self._first:
            return False
        return next(self._unanswered(), None) is None

    @property
    def lack(self) -> str:
        """What the proxy is not configured without, in words; empty for nothing."""
        if self._awaited and LDS not in self._subscriptions:
            return f"waiting for {_endpoints(self._awaited)}"
        unanswered = ", ".join(map(short, self._unanswered()))
        return f"no {unanswered}" if unanswered else ""

    def _unanswered(self) -> Iterator[TypeUrl]:
        """Yield the types that have to be answered before the proxy is configured."""
        for one in self._subscriptions.values():
            if (
                not one.answered
                and one.names is not NO_NAMES
                and one.type_url not in self._agent_types
                and one.type_url != WORKLOAD
                and (self.secrets or one.type_url != SDS)
            ):
                yield one.type_url

    def start(self, node: bytes, build: bytes = b"") -> list[bytes]:
        """Begin a stream, and return its first requests.

        Args:
            node: The encoded node, see `pyload.xds.node`. It goes into the first request alone, but
                into each of a ztunnel's.
            build: The part of the node that an Envoy has in common with many, behind the other.
        """
        if not self._subscriptions:
            for type_url in self._first:
                self._add(type_url)
        self._held = ()
        send: list[bytes] = []
        for one in self._subscriptions.values():
            one.answered = False
            send += one.restart()
        first = len(send) if CDS not in self._first else 1
        for at in range(first):
            send[at] = requests.with_node(send[at], node, build, delta=self.delta)
        return send

    def receive(self, message: Message) -> Received:
        """Handle one response, and return what to send for it: requests, and an ACK or a NACK.

        A NACK answers a response that Envoy would refuse, see `pyload.xds.refusals`; what can be
        used of it is used all the same. A response of a type that the proxy does not ask for is not
        answered.

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
            error = "not subscribed to"
            return Received([], response, nonce, error, details=details, ignored=True)
        if type_url == NDS and not response.count:
            # The agent drops an empty name table without a word.
            return Received([], response, nonce, details=details, ignored=True)
        unsolicited = subscription.answered and response.version != subscription.version
        # ACK or NACK?
        error = response.error
        if response.heartbeats:
            error = error or subscription.objection(response)
        if error:
            send, draining = self._refuse(subscription, response, nonce, error)
            return Received(
                send, response, nonce, error, unsolicited, details=details, draining=draining
            )
        if self._nack and subscription.answered and not self._awaited:
            nack = subscription.nack(NACK_ON_PURPOSE, nonce)
            return Received([nack], response, nonce, NACK_ON_PURPOSE, unsolicited, details=details)
        subscription.answered = True
        before = subscription.resources
        subscription.accept(response, nonce)
        draining = False
        if (
            before.refers_as(subscription.resources)
            and not self._awaited
            and LDS in self._subscriptions
        ):
            # Nearly always. Nothing follows that has not followed before.
            send = [subscription.ack(nonce)]
        elif type_url == CDS:
            send = self._follow_clusters(subscription, (nonce, ""))
        elif type_url == LDS:
            draining = self._drain(before, subscription.resources)
            send = [*self._follow_listeners(), subscription.ack(nonce)]
        else:
            send = [subscription.ack(nonce)]
            if self._awaited and type_url == EDS:
                missing = response.missing(self._awaited, message, delta=self.delta)
                send = self._warm(missing) + send
        unmatched = subscription.unmatched(response)
        return Received(send, response, nonce, "", unsolicited, unmatched, details, draining)

    def drained(self) -> list[bytes]:
        """End the drain that began first, and return requests that give up what it alone kept."""
        self._draining = self._draining[1:]
        return self._follow_listeners()

    def stop_waiting(self) -> list[bytes]:
        """Return the requests that wait for endpoints, which are waited for no longer."""
        return self._warm(_NONE) if self._awaited else []

    def _refuse(
        self, subscription: Subscription, response: Response, nonce: str, error: str
    ) -> tuple[list[bytes], bool]:
        """Return the requests for a refused response, and whether listeners drain from now on."""
        before = subscription.resources
        if response.error:
            subscription.refuse(response, nonce)
        type_url = response.type_url
        if type_url == CDS:
            return self._follow_clusters(subscription, (nonce, error)), False
        nack = subscription.nack(error, nonce)
        if type_url == LDS:
            draining = self._drain(before, subscription.resources)
            return [*self._follow_listeners(), nack], draining
        if type_url == EDS and self._awaited:
            # Envoy makes do without any of them.
            return [*self._warm(_NONE), nack], False
        return [nack], False

    def _drain(self, before: ResourceSet, after: ResourceSet) -> bool:
        """Let listeners drain from now on that are there no more; return whether there are any."""
        left = before.left_by(after)
        if left:
            self._draining += (left,)
        return bool(left)

    def _follow_clusters(self, subscription: Subscription, answer: Answer) -> list[bytes]:
        """Return the requests that follow from clusters, and their answer unless it is held."""
        clusters = subscription.resources
        names, before = clusters.refs(EDS), self._names(EDS)
        if names is not before:
            added = names.since(before).added
            # Mostly one object for all proxies.
            awaited = self._awaited & names.members | added if self._awaited else added
            self._awaited = awaited or _NONE
        send = self._subscribe(EDS, names) + self._subscribe(SDS, self._secrets())
        if LDS not in self._subscriptions:
            if not self._awaited:
                send += self._ask_for_listeners()
            return [subscription.answer(*answer), *send]
        if self._awaited:
            self._held += (answer,)
            return send
        held, self._held = self._held, ()
        return send + subscription.answers((*held, answer))

    def _warm(self, missing: frozenset[str]) -> list[bytes]:
        """Return the requests that have waited for endpoints, if there are no more missing."""
        self._awaited = missing or _NONE
        if self._awaited:
            return []
        if LDS not in self._subscriptions:
            return self._ask_for_listeners()
        held, self._held = self._held, ()
        return self._subscriptions[CDS].answers(held)

    def _ask_for_listeners(self) -> list[bytes]:
        """Return the first request for listeners, and those that the agent makes beside it."""
        return [
            request for one in (LDS, *self._agent_types) for request in self._add(one).restart()
        ]

    def _follow_listeners(self) -> list[bytes]:
        """Return the requests that follow from listeners, those that are draining included."""
        listeners = self._resources(LDS)
        ecds, rds, sds = listeners.refs(ECDS), listeners.refs(RDS), self._secrets()
        if self._draining:
            ecds = with_left(ECDS, ecds, self._draining)
            rds = with_left(RDS, rds, self._draining)
        return self._subscribe(ECDS, ecds) + self._subscribe(RDS, rds) + self._subscribe(SDS, sds)

    def _secrets(self) -> NameSet:
        """Return the names of the secrets that clusters and listeners refer to."""
        names = refs(SDS, self._resources(CDS), self._resources(LDS))
        return with_left(SDS, names, self._draining) if self._draining else names

    def _names(self, type_url: TypeUrl) -> NameSet:
        one = self._subscriptions.get(type_url)
        return NO_NAMES if one is None else one.names

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


def _endpoints(names: frozenset[str]) -> str:
    """Return how many endpoints are missing, and of which clusters."""
    first, more = sorted(names)[:_NAMED], len(names) - _NAMED
    text = ", ".join(first) + (f" and {more:,} more" if more > 0 else "")
    return f"{len(names):,} endpoint{'s' if len(names) > 1 else ''} of {text}"
