"""The life of one proxy's connection: when to dial, how long to wait, why it ended.

::

    IDLE ──DIAL──▶ CONNECTING ──OPENED──▶ CONNECTED ──CONFIGURED──▶ CONFIGURED
                    ▲   │                   │  ▲ UPDATED              │  ▲ UPDATED
                    │   └──────FAILED──┐    │  └──────┘               │  └──────┘
                    │                  ▼    ▼                         │
                    └──────DIAL───── BACKOFF ◀────────ENDED───────────┘

CLOSE leads from everywhere to CLOSED, and nothing leads out of it. A pair that the table does not
list is a bug of the caller.

UPDATED is the first good response of a type on a stream; later ones change nothing. A session
decides and measures; it does not wait. Its owner gives it the time with each input and gets back
the seconds that something took, or the seconds to wait before the next dial. Waits grow with each
failure, as Envoy's do, and shrink again when the control plane has sent a response:
an open stream proves little, since istiod may refuse it a moment later for its rate limit. Every
wait is drawn at random, so that a fleet does not come back all at once. A ztunnel waits in another
way, and draws nothing: see `ZtunnelSession`.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from pyload.errors import LocalProtocolError
from pyload.xds.transport import NO_SIGN_OF_LIFE

if TYPE_CHECKING:
    from random import Random

    from pyload.errors import StreamError

FIRST_INTERVAL: Final = 0.5
"""Seconds that the first wait lasts at most."""
FACTOR: Final = 2.0
"""The growth of that from one wait to the next."""
LAST_INTERVAL: Final = 30.0
"""Seconds that any wait lasts at most."""

ZTUNNEL_FIRST_WAIT: Final = 0.01
"""Seconds that a ztunnel waits after a stream that a restart or a broken connection ended."""
ZTUNNEL_LAST_WAIT: Final = 15.0
"""Seconds that a ztunnel waits at most."""


class State(Enum):
    """Where a proxy is in its life."""

    IDLE = auto()
    CONNECTING = auto()
    CONNECTED = auto()
    CONFIGURED = auto()
    BACKOFF = auto()
    CLOSED = auto()


class Input(Enum):
    """What can happen to a proxy."""

    DIAL = auto()
    OPENED = auto()
    FAILED = auto()
    UPDATED = auto()
    CONFIGURED = auto()
    ENDED = auto()
    CLOSE = auto()


TRANSITIONS: Final = {
    (State.IDLE, Input.DIAL): State.CONNECTING,
    (State.IDLE, Input.CLOSE): State.CLOSED,
    (State.CONNECTING, Input.OPENED): State.CONNECTED,
    (State.CONNECTING, Input.FAILED): State.BACKOFF,
    (State.CONNECTING, Input.CLOSE): State.CLOSED,
    (State.CONNECTED, Input.UPDATED): State.CONNECTED,
    (State.CONNECTED, Input.CONFIGURED): State.CONFIGURED,
    (State.CONNECTED, Input.ENDED): State.BACKOFF,
    (State.CONNECTED, Input.CLOSE): State.CLOSED,
    (State.CONFIGURED, Input.UPDATED): State.CONFIGURED,
    (State.CONFIGURED, Input.ENDED): State.BACKOFF,
    (State.CONFIGURED, Input.CLOSE): State.CLOSED,
    (State.BACKOFF, Input.DIAL): State.CONNECTING,
    (State.BACKOFF, Input.CLOSE): State.CLOSED,
    (State.CLOSED, Input.CLOSE): State.CLOSED,
}


class Session:
    """One proxy's life; every method but the properties is an input.

    Args:
        rng: Draws the waits.

    Attributes:
        state: Where the proxy is; read-only.
        failures: Dials that have failed so far, over the whole life.
        waited: Seconds of the last wait.
    """

    __slots__ = ("_interval", "_rng", "_since", "failures", "state", "waited")

    def __init__(self, *, rng: Random) -> None:
        self._rng = rng
        self.state = State.IDLE
        self._interval = FIRST_INTERVAL
        self._since = 0.0
        self.failures = 0
        self.waited = 0.0

    def dial(self, now: float) -> None:
        """Begin to connect."""
        self._apply(Input.DIAL)
        self._since = now

    def elapsed(self, now: float) -> float:
        """Return the seconds since the last dial began."""
        return now - self._since

    def opened(self, now: float) -> float:
        """Record that the stream is open; return the seconds that the dial took."""
        self._apply(Input.OPENED)
        return self.elapsed(now)

    def updated(self) -> None:
        """Record an accepted response: the server is well, so the next wait is a short one."""
        self._apply(Input.UPDATED)
        self._interval = FIRST_INTERVAL

    def configured(self, now: float) -> float:
        """Record that every type has come; return the seconds since the dial."""
        self._apply(Input.CONFIGURED)
        return self.elapsed(now)

    def failed(self) -> float:
        """Record a failed dial; return the seconds to wait before the next."""
        self._apply(Input.FAILED)
        self.failures += 1
        return self._wait()

    def ended(self, reason: str, *, refused: bool = False) -> float:  # noqa: ARG002 - for ztunnel
        """Record the end of the stream; return the seconds to wait before the next dial.

        A connection that the server has closed for its age is opened again at once: the server is
        well, and its ages are spread already.

        Args:
            reason: Why it ended, see `reason_ended`.
            refused: Whether the server said so, and the connection did not just break.
        """
        self._apply(Input.ENDED)
        return 0.0 if reason == MAX_AGE else self._wait()

    def close(self) -> None:
        """End the life; allowed at any time."""
        self._apply(Input.CLOSE)

    def _apply(self, happened: Input) -> None:
        after = TRANSITIONS.get((self.state, happened))
        if after is None:
            raise LocalProtocolError(f"{happened.name} cannot happen in state {self.state.name}")
        self.state = after

    def _wait(self) -> float:
        interval = self._interval
        self._interval = min(interval * FACTOR, LAST_INTERVAL)
        # From zero on: after a restart of istiod all proxies wait at the same time.
        self.waited = self._rng.uniform(0.0, interval)
        return self.waited


class ZtunnelSession(Session):
    """The life of a ztunnel, which waits as the real one does.

    There is no wait after a stream that ended in order or for its age. It is 10 ms after one that a
    restart or a broken connection ended, and twice as long as the last one after a failed dial or
    any other error, such as the answer that there is no istiod now. A stream that was open for a
    long time does not make it shorter.
    """

    __slots__ = ()

    def __init__(self, *, rng: Random) -> None:
        super().__init__(rng=rng)
        self._interval = ZTUNNEL_FIRST_WAIT

    def updated(self) -> None:
        """Record an accepted response."""
        self._apply(Input.UPDATED)

    def ended(self, reason: str, *, refused: bool = False) -> float:
        """Record the end of the stream; return the seconds to wait before the next dial."""
        self._apply(Input.ENDED)
        if refused and reason == UNAVAILABLE:
            return self._wait()
        if reason not in _ZTUNNEL_AT_ONCE and reason not in _ZTUNNEL_ORDERLY:
            return self._wait()
        self._interval = ZTUNNEL_FIRST_WAIT
        self.waited = 0.0 if reason in _ZTUNNEL_AT_ONCE else ZTUNNEL_FIRST_WAIT
        return self.waited

    def _wait(self) -> float:
        self._interval = self.waited = min(self._interval * 2, ZTUNNEL_LAST_WAIT)
        return self.waited


TOKEN: Final = "token"  # noqa: S105 - a label
CERTIFICATE: Final = "certificate"
PROTOCOL: Final = "protocol"
MAX_AGE: Final = "max_age"
RATE_LIMITED: Final = "resource_exhausted"
UNAVAILABLE: Final = "unavailable"

_ZTUNNEL_AT_ONCE: Final = frozenset({MAX_AGE, "server_closed"})
_ZTUNNEL_ORDERLY: Final = frozenset(
    {"goaway", UNAVAILABLE, "keepalive", "unknown", "cancelled", "deadline_exceeded"}
)


def reason_failed(error: StreamError) -> str:
    """Return why a stream could not be opened, in a few stable words for counters.

    ``connect`` stands for UNAVAILABLE: refused, unreachable, no TLS, no such host. Any other
    status was the server's own answer and is named as in `reason_ended`. The client uses three
    words of its own: ``token`` and ``certificate`` if it could not get one, and ``protocol`` if the
    server broke the protocol.
    """
    reason = reason_ended(error)
    return "connect" if error.name == "UNAVAILABLE" and reason == "unavailable" else reason


def reason_ended(error: StreamError) -> str:
    """Return why an open stream ended, in a few stable words for counters.

    ==================  ==========================================================================
    ``server_closed``   OK: the server ended the stream in order
    ``max_age``         the server has closed the connection for its age
    ``keepalive``       the server, or what stands before it, gave no sign of life
    ``goaway``          the server has closed the connection for another reason, such as shutdown
    ``unavailable``     the connection broke
    any other status    its name in lower case: ``resource_exhausted`` is istiod's limit of new
                        streams per second, ``unauthenticated`` and ``permission_denied`` refuse
                        the token
    ==================  ==========================================================================
    """
    if error.name == "OK":
        return "server_closed"
    if error.name == "UNAVAILABLE":
        text = error.message.lower()
        # Go's servers write the one, gRPC's core the other.
        if "max_age" in text or "max connection age" in text:
            return MAX_AGE
        if "goaway" in text:
            return "goaway"
        if text.startswith(NO_SIGN_OF_LIFE):
            return "keepalive"
    return error.name.lower()
