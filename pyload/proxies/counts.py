"""How many proxies are in which state, as plain numbers that can be added up."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(slots=True)
class FleetCounts:
    """The proxies of a fleet by state; "ever" means at any time in the run.

    Attributes:
        wanted: Proxies started, ever.
        connected: Proxies that have had an open stream, ever.
        configured: Proxies that have received every type that they subscribed to, ever.
        reconnects: Streams that brought a response, beyond the first such of each proxy.
        failed: Proxies that died of an error in pyload itself.
        withdrawn: Proxies stopped before they were ever configured.
        connected_now: Proxies with an open stream.
        configured_now: Proxies whose open stream has brought every type.
        starting: Proxies without a stream that were never configured, and are too young to be late.
        starting_connected: The same with an open stream. Both are as of the last refresh.
    """

    wanted: int = 0
    connected: int = 0
    configured: int = 0
    reconnects: int = 0
    failed: int = 0
    withdrawn: int = 0
    connected_now: int = 0
    configured_now: int = 0
    starting: int = 0
    starting_connected: int = 0

    def __add__(self, other: FleetCounts) -> FleetCounts:
        return FleetCounts(*(getattr(self, name) + getattr(other, name) for name in _NAMES))


_NAMES = tuple(field.name for field in fields(FleetCounts))
