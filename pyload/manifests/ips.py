"""The addresses of fake pods and services."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from pyload.errors import PyloadError

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST: Final = "10.0.0.10"
LAST: Final = "10.255.255.254"
RESTING: Final = 256
"""Addresses that lie idle after use, as those of a real cluster's pods do for a while."""

_BLOCK: Final = 256
"""Ranges are whole blocks of addresses, as the allocator leaves out the ends of each."""


class IpAllocator:
    """Allocates each address to one holder at a time, counting up; hosts .0 and .255 are left out.

    A released address rests until `RESTING` others have been released too, so that the new holder
    is not taken for the old one. Then it is used before new ones, so that a run that churns for
    days stays in the range that it began in.

    Args:
        first: Lowest address.
        last: Highest address.
    """

    def __init__(self, *, first: str = FIRST, last: str = LAST) -> None:
        self._begin = self._next = int(IPv4Address(first))
        self._last = int(IPv4Address(last))
        self._used: set[int] = set()
        self._free: deque[int] = deque()

    def allocate(self) -> str:
        """Return an address without a holder.

        Raises:
            PyloadError: All addresses are in use.
        """
        rested = len(self._free) > RESTING or self._spent
        number = self._free.popleft() if self._free and rested else self._fresh()
        self._used.add(number)
        return str(IPv4Address(number))

    def release(self, ip: str) -> None:
        """Release an address; one that is not in use is ignored."""
        number = int(IPv4Address(ip))
        if number in self._used:
            self._used.remove(number)
            self._free.append(number)

    @property
    def _spent(self) -> bool:
        while self._next & 0xFF in (0, 255):
            self._next += 1
        return self._next > self._last

    def _fresh(self) -> int:
        if self._spent:
            raise PyloadError(
                f"all {len(self._used)} IP addresses up to {IPv4Address(self._last)} are in use",
                fix="make the mesh smaller, or split it over several runs",
            )
        number = self._next
        self._next += 1
        return number

    def needed(self) -> AddressRange:
        """Return the addresses that a run needs: those allocated so far, and room for churn."""
        begin = self._begin - self._begin % _BLOCK
        return AddressRange(begin, -(-(self._next + 2 * RESTING) // _BLOCK) * _BLOCK)


@dataclass(frozen=True, slots=True, order=True)
class AddressRange:
    """Whole blocks of addresses.

    Attributes:
        begin: The first address, as a number.
        end: The address behind the last one.
    """

    begin: int
    end: int

    @classmethod
    def parse(cls, text: str) -> AddressRange | None:
        """Read what `str` of a range is; None if it is something else."""
        first, dash, last = text.partition("-")
        try:
            return cls(int(IPv4Address(first)), int(IPv4Address(last)) + 1) if dash else None
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{IPv4Address(self.begin)}-{IPv4Address(self.end - 1)}"

    @property
    def first(self) -> str:
        """The first address that an allocator of this range hands out."""
        return str(IPv4Address(self.begin + _OFFSET))

    def overlaps(self, other: AddressRange) -> bool:
        """Return whether two ranges have an address in common."""
        return self.begin < other.end and other.begin < self.end

    def moved_off(self, taken: Iterable[AddressRange]) -> AddressRange:
        """Return the first range of this size, from this one on, that has none of the others."""
        size, begin = self.end - self.begin, self.begin
        for other in sorted(taken):
            if AddressRange(begin, begin + size).overlaps(other):
                begin = -(-other.end // _BLOCK) * _BLOCK
        return AddressRange(begin, begin + size)


_OFFSET: Final = int(IPv4Address(FIRST)) % _BLOCK
