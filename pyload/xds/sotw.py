"""The state-of-the-world variant of xDS, from one proxy's side.

A proxy asks for all clusters; for the endpoints of those that want them, and for all listeners,
once it has clusters; for the routes, secrets and extensions that the listeners name. Each
subscription is the full list of names, and so is each acknowledgement. On a new stream the proxy
repeats what it is subscribed to, as Envoy does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.errors import LocalProtocolError
from pyload.xds import requests
from pyload.xds.resource_set import NO_NAMES, NO_RESOURCES, NameSet, refs
from pyload.xds.response_cache import RESPONSE_CACHE
from pyload.xds.responses import NO_DETAILS
from pyload.xds.types import CDS, ECDS, EDS, LDS, NDS, RDS, SDS, Push, Received, TypeUrl

if TYPE_CHECKING:
    from pyload.xds.messages import Message
    from pyload.xds.response_cache import ResponseCache
    from pyload.xds.responses import Response

ON_PURPOSE: Final = "refused on purpose by pyload"


class Sotw:
    """One proxy, over any number of streams one after the other.

    Call `start` for each stream, then `receive` for every message; both give messages that must be
    sent, in order. Nothing here keeps a message.

    Args:
        reader: Reads responses.
        detail: Whether pushes carry names and bodies.
        agent_types: Types that the agent beside the proxy asks for once listeners are.
        refuse: Whether to refuse every good response but the first of a type and stream.

    Attributes:
        secrets: Whether secrets are waited for: without TLS, istiod gives them to nobody.
    """

    __slots__ = (
        "_agent_types",
        "_clusters",
        "_detail",
        "_listeners",
        "_reader",
        "_refuse",
        "_watches",
        "secrets",
    )

    def __init__(
        self,
        *,
        reader: ResponseCache = RESPONSE_CACHE,
        detail: bool = False,
        agent_types: tuple[TypeUrl, ...] = (),
        refuse: bool = False,
    ) -> None:
        self._reader = reader
        self._detail = detail
        self._agent_types = agent_types
        self._refuse = refuse
        self._watches: dict[TypeUrl, _Watch] = {}
        self.secrets = True
        self._clusters = NO_RESOURCES
        self._listeners = NO_RESOURCES

    @property
    def configured(self) -> bool:
        """Whether every type that is subscribed to has been answered, clusters and listeners too.

        A type of which no name is wanted is not waited for, and neither are the agent's, nor
        secrets where nobody would give them.
        """
        return LDS in self._watches and all(
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
            self._watch(CDS)
        for watch in self._watches.values():
            watch.nonce = ""
            watch.answered = False
        send = [watch.request() for watch in self._watches.values() if watch.active]
        send[0] = requests.sotw_node(node) + send[0]
        return send

    def receive(self, message: Message) -> Received:
        """Take one response.

        A response with a resource that cannot be decoded is refused, and what was known before
        it stands. A response of a type that is not subscribed to is not answered.

        Raises:
            LocalProtocolError: The stream has not started.
            RemoteProtocolError: The bytes are no response; the stream is of no more use.
        """
        if not self._watches:
            raise LocalProtocolError("the stream has not started")
        response, nonce = self._reader.read(message, delta=False)
        type_url = response.type_url
        watch = self._watches.get(type_url)
        if watch is None or not watch.active:
            return Received([], self._push(response, nonce, message, error="not subscribed to"))
        if type_url == NDS and not response.count:
            # The agent drops an empty name table without a word.
            return Received([], self._push(response, nonce, message))
        watch.nonce = nonce
        error = response.error or (ON_PURPOSE if self._refuse and watch.answered else "")
        if error:
            return Received(
                [watch.request() + requests.sotw_refusal(error)],
                self._push(response, nonce, message, error=error),
            )
        watch.version = response.version
        watch.answered = True
        if type_url == CDS:
            self._clusters = response.resource_set
        elif type_url == LDS:
            self._listeners = response.resource_set
        return Received(
            [watch.request(), *self._follow(type_url)], self._push(response, nonce, message)
        )

    def _follow(self, type_url: TypeUrl) -> list[bytes]:
        """Subscribe to what the new clusters or listeners refer to."""
        clusters, listeners = self._clusters, self._listeners
        send: list[bytes] = []
        if type_url == CDS:
            send += self._subscribe(EDS, clusters.refs(EDS))
            if LDS not in self._watches:
                send += [self._watch(one).request() for one in (LDS, *self._agent_types)]
            send += self._subscribe(SDS, refs(SDS, clusters, listeners))
        elif type_url == LDS:
            send += self._subscribe(SDS, refs(SDS, clusters, listeners))
            send += self._subscribe(ECDS, listeners.refs(ECDS))
            send += self._subscribe(RDS, listeners.refs(RDS))
        return send

    def _subscribe(self, type_url: TypeUrl, names: NameSet) -> list[bytes]:
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

    def _push(self, response: Response, nonce: str, message: Message, *, error: str = "") -> Push:
        names, bodies = NO_DETAILS
        if self._detail:
            names, bodies = response.details(message, delta=False)
        return Push(
            type_url=response.type_url,
            size=response.size,
            resources=response.count,
            removed=0,
            nonce=nonce,
            version=response.version,
            error=error,
            names=names,
            bodies=bodies,
        )


class _Watch:
    """The subscription to one type."""

    __slots__ = ("active", "answered", "names", "nonce", "type_url", "version")

    def __init__(self, type_url: TypeUrl) -> None:
        self.type_url = type_url
        self.names = NO_NAMES
        self.active = True
        self.answered = False
        self.nonce = ""
        self.version = ""

    def request(self) -> bytes:
        """Put a subscription or an acknowledgement together."""
        return (
            requests.sotw_type(self.type_url)
            + self.names.encoded
            + requests.sotw_state(self.version, self.nonce)
        )
