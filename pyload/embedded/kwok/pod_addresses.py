"""Addresses of pods, allocated as kwok does: one pool per CIDR, without an upper bound.

Nodes without a CIDR share a pool. A pool that is full continues behind its CIDR, so pods of
neighbouring nodes may get the same address; such an address is not reused when its pod is gone.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

    from pyload.kube.resources import Obj


CIDR: Final = "10.0.0.0/24"
"""Addresses of pods on nodes that name no CIDR; repeats are possible, as with kwok."""


class AddressPool:
    """The addresses of one CIDR.

    Args:
        cidr: Such as ``10.0.0.0/24``; host bits are allowed.
    """

    __slots__ = ("_free", "_network", "_next")

    def __init__(self, cidr: str) -> None:
        self._network = ipaddress.ip_network(cidr, strict=False)
        self._next = self._network.network_address + 1
        self._free: list[str] = []

    def allocate(self, rng: Random) -> str:
        """Return an address: one that was released, or the next one."""
        free = self._free
        if free:
            chosen = rng.randrange(len(free))
            free[chosen], free[-1] = free[-1], free[chosen]
            return free.pop()
        ip = str(self._next)
        self._next += 1
        return ip

    def release(self, ip: str) -> None:
        """Make an address available again, if it is within the CIDR."""
        if ipaddress.ip_address(ip) in self._network:
            self._free.append(ip)


class PodAddresses:
    """The addresses of all pods."""

    def __init__(self) -> None:
        self._pools: dict[str, AddressPool] = {}
        self._given: dict[str, tuple[AddressPool, str]] = {}

    def of(self, uid: str, node: Obj, rng: Random) -> str:
        """Return the address of a pod on a node: always the same one for a UID."""
        given = self._given.get(uid)
        if given is None:
            cidr = _cidr_of(node) or CIDR
            pool = self._pools.get(cidr)
            if pool is None:
                pool = self._pools[cidr] = AddressPool(cidr)
            given = self._given[uid] = pool, pool.allocate(rng)
        return given[1]

    def release(self, uid: str) -> None:
        """Release the address of a pod that is gone."""
        given = self._given.pop(uid, None)
        if given is not None:
            given[0].release(given[1])


def _cidr_of(node: Obj) -> str:
    spec = node.get("spec") or {}
    cidrs = spec.get("podCIDRs") or [spec.get("podCIDR") or ""]
    return str(cidrs[0])
