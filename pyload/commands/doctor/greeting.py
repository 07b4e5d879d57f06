"""The first response of a control plane, and what it says about who sent it.

Istiod leaves ``control_plane`` out of the responses that proxies get; other control planes have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from pyload.errors import RemoteProtocolError
from pyload.xds.wire import discovery_pb2


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the first response was.

    Attributes:
        seconds: How long it took, from the dial on.
        resources: How many resources it carried.
        identifier: ``control_plane.identifier``, as it was sent; empty if it was not.
    """

    seconds: float
    resources: int
    identifier: str = ""

    @property
    def sender(self) -> str:
        """The sender in words, such as ``istiod istiod-7d4f, version 1.27.1``; empty if unknown."""
        try:
            parsed: Any = orjson.loads(self.identifier)
        except orjson.JSONDecodeError:
            return self.identifier
        if not isinstance(parsed, dict):
            return self.identifier
        words = [str(parsed[key]) for key in ("Component", "ID") if parsed.get(key)]
        version = self.version
        return " ".join(words) + (f", version {version}" if version else "")

    @property
    def version(self) -> str:
        """The version in the identifier; empty if it has none."""
        try:
            info = orjson.loads(self.identifier).get("Info") or {}
            return str(info.get("version") or "")
        except (orjson.JSONDecodeError, AttributeError):
            return ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there was no first response.

    Attributes:
        status: Name of the gRPC status, ``TOKEN`` or ``CERTIFICATE`` where there was none to show,
            or ``SILENCE`` after the time limit.
        message: The text that came with it.
    """

    status: str
    message: str


def read_greeting(data: bytes, *, delta: bool, seconds: float) -> Greeting:
    """Read a response.

    Raises:
        RemoteProtocolError: It is none.
    """
    kind = discovery_pb2.DeltaDiscoveryResponse if delta else discovery_pb2.DiscoveryResponse
    try:
        response = kind.FromString(data)
    except Exception as error:  # protobuf's own class differs between its implementations
        raise RemoteProtocolError("the first response cannot be read") from error
    return Greeting(seconds, len(response.resources), response.control_plane.identifier)
