"""Where the receiving side of the stream is, which decides which frames may come next.

HTTP/2 knows many streams in seven states each. A proxy's connection has one stream, which its own
side never half-closes, so the state of the connection and that of the stream are one. What matters
is what the server sends next::

    GREETING ──SETTINGS──▶ HEAD ──response headers──▶ BODY ──trailers, END_STREAM──▶ ENDED
     │   │                 ▲│  ▲                                                       ▲
     │   └──▶ WAITING ─────┘│  └─ 1xx                                                  │
     │      no streams yet  ├──────── trailers only ───────────────────────────────────┤
     └──────────────────────┴──▶ FOREIGN ──its end, or enough of it────────────────────┤
              not gRPC's                                                               │
    from everywhere: RST_STREAM, GOAWAY without the stream, an error, `close`, `lost` ─┘

Three rules follow, and `pyload.xds.http2.connection` keeps to them:

- Before its SETTINGS have come the peer may be no HTTP/2 server at all: any other frame is that
  error, and nothing is sent but the client's preface.
- DATA is for BODY, and for FOREIGN, where it is quoted; SETTINGS, PING, WINDOW_UPDATE and GOAWAY
  may come in each state after GREETING.
- Nothing leads out of ENDED. Bytes that arrive then are not looked at, and END is an input of every
  state, so that whoever ends the stream need not ask whether it has ended.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class State(Enum):
    """The part of its answer that the peer sends next."""

    GREETING = auto()
    WAITING = auto()
    HEAD = auto()
    BODY = auto()
    FOREIGN = auto()
    ENDED = auto()


class Input(Enum):
    """An event that leads from one state to the next."""

    GREETED = auto()
    """SETTINGS have come, and the peer allows streams."""
    HELD_UP = auto()
    """The first SETTINGS have come, and the peer allows no streams."""
    ANSWERED = auto()
    """The headers of a response with messages have come."""
    FOREIGN = auto()
    """The beginning of an answer has come that is not gRPC's, or not HTTP/2's."""
    END = auto()
    """The stream has ended, for whatever reason."""


TRANSITIONS: Final = {
    (State.GREETING, Input.GREETED): State.HEAD,
    (State.GREETING, Input.HELD_UP): State.WAITING,
    (State.GREETING, Input.FOREIGN): State.FOREIGN,
    (State.GREETING, Input.END): State.ENDED,
    (State.WAITING, Input.GREETED): State.HEAD,
    (State.WAITING, Input.END): State.ENDED,
    (State.HEAD, Input.ANSWERED): State.BODY,
    (State.HEAD, Input.FOREIGN): State.FOREIGN,
    (State.HEAD, Input.END): State.ENDED,
    (State.BODY, Input.END): State.ENDED,
    (State.FOREIGN, Input.END): State.ENDED,
    (State.ENDED, Input.END): State.ENDED,
}
"""A pair that is not here is a bug of the caller."""
