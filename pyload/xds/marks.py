"""The marks that probes leave in the configuration, and how a response shows them.

A probe writes an object whose name or host is its *mark*, which istiod carries into what it sends::

    pyload-probe-RUN-NUMBER.example.com    a host: in clusters, routes, workloads
    pyload-probe-RUN-NUMBER/198.18.0.7     the workload of an endpoint, for a ztunnel

An endpoint has no name in what a sidecar receives, but an address. So the address is the mark where
it stands among the endpoints of the run's own service, whose name is the mark without its number.

Numbers are counted round a ring, since there are only so many addresses. The mark itself has all
that is needed to read it, so that any number of runs may use the same cluster and process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain, islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from pyload.xds.types import EDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Mark = tuple[str, int]
"""The run, and the number."""

Marks = Mapping[str, tuple[int, ...]]
"""For each run, the numbers of its marks in a response, in ascending order."""

RING: Final = 1 << 17
"""How many numbers there are: as many as the addresses that RFC 2544 keeps for measurements."""

WINDOW: Final = 1024
"""How far behind the newest a number may be new; more probes are never on their way."""

_MAX_READ: Final = 1 << 14
"""Most marks that are read of one response; one mark may stand in it a dozen times."""

NO_MARKS: Final[Marks] = MappingProxyType({})

_PREFIX: Final = b"pyload-probe-"
# Behind the number stands what ends a label or a name, as a protobuf field behind it may begin with
# a digit.
_NAMED: Final = re.compile(rb"pyload-probe-([a-z0-9]{1,63})-([0-9]{1,9})[./]")
_BASE: Final = re.compile(rb"pyload-probe-([a-z0-9]{1,63})\.")
# An address behind its length.
_ADDRESS: Final = re.compile(rb"([\x0a-\x0e])198\.(?=1[89]\.)")
_IPV4: Final = re.compile(rb"198\.1([89])\.([0-9]{1,3})\.([0-9]{1,3})")


def base_of(run: str) -> str:
    """Return the name of the object that a run's probes need, if they need one."""
    return f"pyload-probe-{run}"


def name_of(run: str, number: int) -> str:
    """Return the name that marks a probe's object; in a host, it is the first label."""
    return f"{base_of(run)}-{number % RING}"


def address_of(run: str, number: int) -> str:
    """Return the address that marks a probe's endpoint.

    Each run begins at another place of the range: what knows workloads by their addresses would
    take those of two runs for the same.
    """
    place = (_first(run) + number) % RING
    return f"198.{18 + (place >> 16)}.{place >> 8 & 255}.{place & 255}"


class Seen(NamedTuple):
    """The marks that a proxy has shown, as far as they are needed to tell which others are new.

    Attributes:
        newest: The number that is furthest on the ring.
        mask: A bit for each of the `WINDOW` numbers up to the newest, which has the lowest bit.
    """

    newest: int
    mask: int


@lru_cache(maxsize=256)
def advance(seen: Seen | None, numbers: tuple[int, ...]) -> tuple[tuple[int, ...], Seen | None]:
    """Return the numbers that are new to a proxy, and what it has shown with them.

    A probe may be written after the next one, where a request takes long: so a lower number can be
    new too. After a push most proxies ask for the same, and then share what is returned.

    Args:
        seen: What the proxy has shown before; None if nothing.
        numbers: The numbers of marks, as in `Marks`.
    """
    new: list[int] = []
    for number in numbers:
        if seen is None:
            seen = Seen(number, 1)
        else:
            # By the shorter way round the ring.
            steps = (number - seen.newest + RING // 2) % RING - RING // 2
            bit = 1 << -steps if -WINDOW < steps <= 0 else 0
            if steps > 0:
                seen = Seen(number, (seen.mask << min(steps, WINDOW) | 1) % (1 << WINDOW))
            elif bit and not seen.mask & bit:
                seen = seen._replace(mask=seen.mask | bit)
            else:
                continue
        new.append(number)
    return tuple(new), seen


def find_marks(type_url: str, data: bytes, resources: Iterable[bytes]) -> Marks:
    """Return the marks in a response; names that it removes are none.

    Args:
        type_url: The type of the resources.
        data: The whole response, which is looked at first, as most have no mark.
        resources: The resources in it, encoded.
    """
    if _PREFIX not in data:
        return NO_MARKS
    return by_run(marks_of(type_url, one) for one in resources)


def marks_of(type_url: str, resource: bytes) -> tuple[Mark, ...]:
    """Return the marks in one resource, encoded."""
    if _PREFIX not in resource:
        return ()
    read = _read_endpoints if type_url == EDS else _read_names
    return tuple(dict.fromkeys(islice(read(resource), _MAX_READ)))


def by_run(marks: Iterable[tuple[Mark, ...]]) -> Marks:
    """Return the marks of several resources, sorted."""
    found: dict[str, set[int]] = {}
    for run, number in islice(chain.from_iterable(marks), _MAX_READ):
        found.setdefault(run, set()).add(number)
    return {run: tuple(sorted(numbers)) for run, numbers in found.items()} or NO_MARKS


def _read_names(resource: bytes) -> Iterator[Mark]:
    for found in _NAMED.finditer(resource):
        yield found[1].decode("ascii"), int(found[2]) % RING


def _read_endpoints(resource: bytes) -> Iterator[Mark]:
    """Yield the marks among the endpoints of one service, and in its name."""
    yield from _read_names(resource)
    base = _BASE.search(resource)
    if base is None:
        return
    run = base[1].decode("ascii")
    for found in _ADDRESS.finditer(resource):
        start = found.end(1)
        address = _IPV4.fullmatch(resource, start, start + found[1][0])
        if address is not None:
            high, middle, low = map(int, address.groups())
            if middle < 256 and low < 256:
                yield run, ((high - 8 << 16 | middle << 8 | low) - _first(run)) % RING


def _first(run: str) -> int:
    """Return where in the range of addresses those of a run begin."""
    return crc32(run.encode()) % RING
