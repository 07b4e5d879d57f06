"""The IP addresses and node ports of services."""

from __future__ import annotations

import ipaddress
from typing import Final

from pyload.embedded.apiserver.refusals import Refused

SERVICE_RANGE: Final = ipaddress.IPv4Network("10.96.0.0/12")
"""Where service addresses are taken from; others are accepted if a service asks for them."""

NODE_PORTS: Final = range(30000, 32768)


def _full() -> Refused:
    return Refused(500, "InternalError", "Internal error occurred: range is full")


class ServiceAddresses:
    """Allocates cluster IPs and node ports, each to one service at a time."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._ports: set[int] = set()
        # The first ones are kept for the API server and DNS, as in a real cluster.
        self._next_ip = 16
        self._next_port = NODE_PORTS.start

    def claim(self, ip: str) -> bool:
        """Claim an address; return False if a service has it."""
        if ip in self._used:
            return False
        self._used.add(ip)
        return True

    def is_used(self, ip: str) -> bool:
        """Return whether a service has the address."""
        return ip in self._used

    def free_ip(self) -> str:
        """Find an address that no service has, going round the range.

        Raises:
            Refused: All are taken.
        """
        base = int(SERVICE_RANGE.network_address)
        size = SERVICE_RANGE.num_addresses
        for step in range(size):
            offset = (self._next_ip + step) % size
            ip = str(ipaddress.IPv4Address(base + offset))
            if ip not in self._used and 0 < offset < size - 1:
                self._next_ip = offset + 1
                return ip
        raise _full()

    def free_port(self) -> int:
        """Find a node port that no service has.

        Raises:
            Refused: All are taken.
        """
        for step in range(len(NODE_PORTS)):
            port = NODE_PORTS[(self._next_port - NODE_PORTS.start + step) % len(NODE_PORTS)]
            if port not in self._ports:
                self._next_port = port + 1
                return port
        raise _full()

    def claim_port(self, port: int) -> None:
        """Claim a node port."""
        self._ports.add(port)

    def release(self, ip: str) -> None:
        """Release an address."""
        self._used.discard(ip)

    def release_port(self, port: int) -> None:
        """Release a node port."""
        self._ports.discard(port)
