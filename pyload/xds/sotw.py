"""The state-of-the-world variant of xDS, from one proxy's side.

Each request is the full list of names, and so is each ACK: it repeats the subscription with the
version and the nonce of the response. On a new stream the proxy repeats what it is subscribed to
with the versions that it has, as Envoy does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.xds import requests
from pyload.xds.resource_set import NO_NAMES
from pyload.xds.subscription import Subscription
from pyload.xds.subscriptions import Subscriptions

if TYPE_CHECKING:
    from pyload.xds.resource_set import NameSet
    from pyload.xds.responses import Response
    from pyload.xds.subscription import Answer
    from pyload.xds.types import TypeUrl


class _SotwSubscription(Subscription):
    __slots__ = ("nonce",)

    def __init__(self, type_url: TypeUrl) -> None:
        super().__init__(type_url)
        self.nonce = ""
        """The nonce of the last response on this stream, which every request must name."""

    def restart(self) -> list[bytes]:
        self.nonce = ""
        return [] if self.names is NO_NAMES else [self._request()]

    def change(self, names: NameSet) -> list[bytes]:
        # A request without names ends the subscription, for all types but the wildcards.
        self.names = names
        return [self._request()]

    def accept(self, response: Response, nonce: str) -> None:
        self.nonce = nonce
        if response.heartbeats and response.version != self.version:
            # What is not repeated in the same version is no heartbeat, and stays.
            kept = [one.name for one in response.heartbeats]
            self.resources = response.beside(kept, self.resources)
        else:
            self.resources = response.resource_set
        self.version = response.version

    def refuse(self, response: Response, nonce: str) -> None:
        self.nonce = nonce
        self.resources = response.after_refusal(self.resources, delta=False)

    def ack(self, nonce: str) -> bytes:  # noqa: ARG002 - every request names the last one
        return self._request()

    def answers(self, held: tuple[Answer, ...]) -> list[bytes]:
        # One request for all of them: that for the last, unless a NACK has taken its place.
        return [self.answer(*one) for one in held if one[0] == self.nonce]

    def nack(self, error: str, nonce: str) -> bytes:
        self.nonce = nonce
        return self._request() + requests.nack(error, delta=False)

    def _request(self) -> bytes:
        state = requests.sotw_state(self.type_url, self.names, self.version)
        return state + requests.field(5, self.nonce.encode()) if self.nonce else state


class Sotw(Subscriptions):
    """One proxy that speaks state-of-the-world xDS; see `Subscriptions`."""

    __slots__ = ()

    delta = False
    _kind = _SotwSubscription
