"""The subscription of one proxy to one type of resource; see `pyload.xds.subscriptions`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pyload.xds.resource_set import NO_RESOURCES, WILDCARD

if TYPE_CHECKING:
    from pyload.xds.resource_set import NameSet
    from pyload.xds.responses import Response
    from pyload.xds.types import TypeUrl

Answer = tuple[str, str]
"""The nonce of a response, and the error for which it was refused; empty if it was accepted."""


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
    def accept(self, response: Response, nonce: str) -> None:
        """Replace or update the resources by a good response."""

    @abstractmethod
    def refuse(self, response: Response, nonce: str) -> None:
        """Use what can be used of a response that is refused."""

    @abstractmethod
    def ack(self, nonce: str) -> bytes:
        """Return the ACK of the response that was accepted last."""

    @abstractmethod
    def nack(self, error: str, nonce: str) -> bytes:
        """Return the NACK of the response that was refused last."""

    @abstractmethod
    def answers(self, held: tuple[Answer, ...]) -> list[bytes]:
        """Return the ACKs and NACKs of responses that came before."""

    def answer(self, nonce: str, error: str) -> bytes:
        """Return the NACK of a response with an error, or else its ACK."""
        return self.nack(error, nonce) if error else self.ack(nonce)

    def objection(self, response: Response) -> str:  # noqa: ARG002 - for delta
        """Return why a good response with heartbeats must be refused here; empty if it need not."""
        return ""

    def unmatched(self, response: Response) -> tuple[str, ...]:  # noqa: ARG002 - for delta
        """Return the names of resources in a response that were never asked for."""
        return ()
