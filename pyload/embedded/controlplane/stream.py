"""The server's side of one xDS stream: what a request means, and what a push sends.

Requests, pushes and the proxy's current view go in, encoded responses come out. Per type a
`pyload.embedded.controlplane.fragments.Subscription` holds the names that the proxy has asked for,
the nonce of the last response, and the batches that it was made from, with which a later push is
compared. The rules are istiod's,
which follow Envoy's protocol but differ in corners; SotW and delta differ only in how requests
change the subscription, and in that delta sends removals.

The caller must send the responses of one call before it makes the next call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from google.protobuf.message import DecodeError

from pyload.embedded.controlplane import wire
from pyload.embedded.controlplane.connected_proxy import (
    ConnectedProxy,
    invalid_argument,
    unauthenticated,
)
from pyload.embedded.controlplane.fragments import (
    FragmentSelector,
    Subscription,
    names_in,
    removals_of,
)
from pyload.xds.types import (
    ADDRESS,
    AUTHORIZATION,
    CDS,
    ECDS,
    EDS,
    LDS,
    NDS,
    PCDS,
    PREFIX,
    RDS,
    SDS,
    WORKLOAD,
    TypeUrl,
)
from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyload.embedded.controlplane.fragments import NameInterner
    from pyload.embedded.controlplane.push_scope import PushRequest
    from pyload.embedded.controlplane.resource_batch import ResponseFragment
    from pyload.embedded.controlplane.snapshot import View

# The order in which a push sends types: what is referred to comes first.
PUSH_ORDER: Final = (CDS, EDS, LDS, RDS, SDS, ADDRESS, WORKLOAD, AUTHORIZATION, NDS)

# Types without a wildcard subscription.
_NO_WILDCARD: Final = frozenset({EDS, RDS, SDS, ECDS})
_KNOWN: Final = _NO_WILDCARD | {CDS, LDS, NDS, PCDS, ADDRESS, WORKLOAD, AUTHORIZATION}
# An agent's report about its application's health, which is no subscription.
_HEALTH: Final = f"{PREFIX}istio.v1.HealthInformation"

_EMPTY: Final[frozenset[str]] = frozenset()

Request: TypeAlias = "discovery_pb2.DiscoveryRequest | discovery_pb2.DeltaDiscoveryRequest"


class XdsReply(NamedTuple):
    """One response to send.

    Attributes:
        type_url: What it carries.
        message: The encoded response.
    """

    type_url: TypeUrl
    message: bytes


class RequestOutcome(NamedTuple):
    """The result of one request.

    Attributes:
        replies: Responses to send.
        rejected: Why the proxy refused the last response of the type (NACK), or empty.
    """

    replies: tuple[XdsReply, ...] = ()
    rejected: str = ""


class ServerStream:
    """The protocol state of one stream.

    Args:
        delta: Whether it is a delta stream.
        new_id: Returns a new identifier, which follows the version in each nonce.
        names: Shared by all streams.
    """

    def __init__(self, *, delta: bool, new_id: Callable[[], str], names: NameInterner) -> None:
        self._delta = delta
        self._new_id = new_id
        self._names = names
        self._fragments = FragmentSelector(delta=delta, names=names)
        self.proxy: ConnectedProxy | None = None
        self.subscriptions: dict[TypeUrl, Subscription] = {}

    def read(self, message: bytes) -> Request | None:
        """Decode a request, and read the proxy's node from the first one.

        Returns:
            The request, or None for a report that needs no answer.

        Raises:
            StreamError: The stream must end with this status.
        """
        request: Request
        request = (
            discovery_pb2.DeltaDiscoveryRequest()
            if self._delta
            else discovery_pb2.DiscoveryRequest()
        )
        try:
            request.ParseFromString(message)
        except DecodeError as error:
            raise invalid_argument("the request cannot be decoded") from error
        if request.type_url == _HEALTH:
            return None
        if self.proxy is None:
            self.proxy = ConnectedProxy.from_node(request.node)
        if request.type_url not in _KNOWN:
            raise unauthenticated(f"control-plane identity required for type {request.type_url!r}")
        return request

    def answer(self, request: Request, view: View) -> RequestOutcome:
        """Answer a request.

        Args:
            request: From `read`.
            view: The resources for the proxy in the current snapshot.
        """
        type_url = TypeUrl(request.type_url)
        known = self.subscriptions.get(type_url)
        if request.HasField("error_detail"):
            return RequestOutcome(rejected=request.error_detail.message or "no reason given")
        if isinstance(request, discovery_pb2.DeltaDiscoveryRequest):
            fragments = self._answer_delta(request, type_url, known, view)
        else:
            fragments = self._answer_sotw(request, type_url, known, view)
        if fragments is None or view.is_silent(type_url):
            return RequestOutcome()
        replies = [self._reply(type_url, self.subscriptions[type_url], view, fragments)]
        endpoints = self.subscriptions.get(EDS)
        if type_url == CDS and self._delta and not request.response_nonce and endpoints is not None:
            # Envoy warms clusters that are sent again until their endpoints come.
            resent = self._fragments.all_by_name(endpoints, view.of(EDS))
            if resent:
                replies.append(self._reply(EDS, endpoints, view, resent))
        return RequestOutcome(tuple(replies))

    def push(self, push: PushRequest, view: View) -> Iterator[XdsReply]:
        """Yield the responses of a push, one type after the other.

        Types without a subscription are not pushed, and whether older responses were
        acknowledged makes no difference.
        """
        for type_url in PUSH_ORDER:
            subscription = self.subscriptions.get(type_url)
            if subscription is None or type_url not in push.wanted or view.is_silent(type_url):
                continue
            fragments = self._fragments.for_push(
                push.wanted[type_url], type_url, subscription, view
            )
            if fragments:
                yield self._reply(type_url, subscription, view, fragments)

    def _answer_sotw(
        self,
        request: discovery_pb2.DiscoveryRequest,
        type_url: TypeUrl,
        known: Subscription | None,
        view: View,
    ) -> list[ResponseFragment] | None:
        """Change a subscription as a SotW request asks; return the answer, if there is one."""
        by_name = type_url in _NO_WILDCARD
        names = self._names.intern(frozenset(request.resource_names)) if by_name else _EMPTY
        if by_name and not names:
            self.subscriptions.pop(type_url, None)
            return None
        if known is None or not request.response_nonce:
            # The first request, or one after a reconnect, whose nonce another stream gave.
            known = self.subscriptions[type_url] = Subscription(names, wildcard=not by_name)
            return self._fragments.for_request(type_url, known, view, names)
        if request.response_nonce != known.nonce:
            return None
        added = names - known.names
        known.names = names
        return self._fragments.for_request(type_url, known, view, added) if added else None

    def _answer_delta(
        self,
        request: discovery_pb2.DeltaDiscoveryRequest,
        type_url: TypeUrl,
        known: Subscription | None,
        view: View,
    ) -> list[ResponseFragment] | None:
        """Change a subscription as a delta request asks; return the answer, if there is one."""
        nonce = request.response_nonce
        subscribe = frozenset(request.resource_names_subscribe)
        unsubscribe = frozenset(request.resource_names_unsubscribe)
        if known is None:
            if unsubscribe and not subscribe:
                return None
            return self._first_delta(request, type_url, view)
        if nonce and nonce != known.nonce:
            return None
        if not subscribe and not unsubscribe:
            return None
        before = known.names
        if "*" in unsubscribe:
            known.wildcard = False
        if "*" in subscribe and "*" not in unsubscribe:
            known.wildcard = True
        wanted = subscribe - unsubscribe - {"*"}
        # An acknowledgement may name nothing new; a request on its own is always answered.
        asked = wanted - before if nonce else wanted
        found = self._fragments.resolve(type_url, asked, view)
        known.names = self._names.intern((before | wanted | found) - unsubscribe)
        everything = "*" in subscribe - unsubscribe
        if not asked and not everything:
            return None
        return self._fragments.for_request(type_url, known, view, found, everything=everything)

    def _first_delta(
        self, request: discovery_pb2.DeltaDiscoveryRequest, type_url: TypeUrl, view: View
    ) -> list[ResponseFragment]:
        """Create the subscription of the first delta request for a type; return its answer."""
        subscribe = frozenset(request.resource_names_subscribe)
        unsubscribe = frozenset(request.resource_names_unsubscribe)
        held = dict(request.initial_resource_versions)
        wildcard = type_url not in _NO_WILDCARD and (
            not subscribe or "*" in subscribe - unsubscribe
        )
        names = subscribe - unsubscribe - {"*"}
        if not wildcard:
            names |= held.keys() - unsubscribe
        found = self._fragments.resolve(type_url, names, view)
        known = self.subscriptions[type_url] = Subscription(
            self._names.intern(names | found), wildcard=wildcard
        )
        batches = view.of(type_url)
        if held and len(batches) == 1:
            # A proxy that reconnects lists the versions that it has: those that are current need
            # not be sent again, and those that are gone are removals.
            return [batches[0].changes_for(held, None if wildcard else found)]
        fragments = self._fragments.for_request(type_url, known, view, found)
        if wildcard:
            gone = held.keys() - names_in(batches)
            if gone:
                fragments.append(removals_of(gone))
        return fragments

    def _reply(
        self,
        type_url: TypeUrl,
        subscription: Subscription,
        view: View,
        fragments: list[ResponseFragment],
    ) -> XdsReply:
        version = view.snapshot.version
        subscription.nonce = f"{version}{self._new_id()}"
        subscription.sent = view.of(type_url)
        head = view.snapshot.head(type_url, delta=self._delta)
        # The nonce, alone different for each proxy, comes last.
        message = b"".join(
            [head, *(fragment.encoded for fragment in fragments), wire.nonce(subscription.nonce)]
        )
        return XdsReply(type_url, message)
