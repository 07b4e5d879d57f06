"""What a stream has received and its reader has not: a message in part, and those held back."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from pyload.xds.messages import Assembler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.xds.messages import Message
    from pyload.xds.prefix_cache import PrefixCache


class Events(Protocol):
    """Hears of the stream, while received bytes are handled."""

    def opened(self) -> None:
        """The stream is open."""

    def message(self, message: Message) -> None:
        """A message has come."""


class Inbox:
    """The receiving half, from the payload of DATA on.

    Attributes:
        paused: Whether messages are held back.
    """

    __slots__ = ("_assembler", "_dropped", "_events", "_held", "paused")

    def __init__(self, events: Events, cache: PrefixCache) -> None:
        self._events = events
        self._assembler = Assembler(cache)
        # The peer's window bounds it: that is not renewed in a pause.
        self._held: deque[Message] | None = None
        self._dropped = False
        self.paused = False

    @property
    def empty(self) -> bool:
        """Whether no message is held back."""
        return self._held is None

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._assembler.partial

    def accept_gzip(self) -> None:
        """Let messages be compressed."""
        self._assembler.gzip = True

    def feed(self, chunks: Iterable[memoryview]) -> None:
        """Take bytes of the payload, and give the messages that they complete.

        Raises:
            RemoteProtocolError: They are no gRPC messages.
        """
        self._assembler.feed(chunks, self._deliver)

    def drain(self) -> None:
        """Give the messages that are held back, as long as there is no pause."""
        while self._held and not self.paused:
            message = self._held.popleft()
            if not self._held:
                self._held = None
            self._events.message(message)

    def drop(self) -> None:
        """Give no message any more."""
        self._held = None
        self._dropped = True

    def _deliver(self, message: Message) -> None:
        if self.paused or self._held is not None:
            if self._held is None:
                self._held = deque()
            self._held.append(message)
        elif not self._dropped:
            self._events.message(message)
