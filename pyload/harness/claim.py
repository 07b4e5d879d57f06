"""What a run does to share a cluster: it checks its names, keeps a Lease, and picks its addresses.

All of it comes before the first object of the run, and the Lease outlives the last one::

    other runs' objects? ──▶ Lease, with addresses ──▶ the run, while the Lease is renewed ──▶ gone

Addresses are kept free of collisions without a lock. A run writes the range that it would like into
its Lease, and then reads the Leases of all runs. Of two runs that want the same range at least the
later writer sees the other one, and picks anew. If both see each other, both do, each after a pause
of its own.

In kwok mode the Lease also names the pods that a run follows. Two runs may follow the same ones, as
their control planes may differ in what the flags do not show; so that is a warning.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.errors import ClusterUnreachable, Forbidden, NotFound, PyloadError
from pyload.harness.follow_options import follow_the_same
from pyload.kube.resources import LEASES
from pyload.kube.upsert import upsert
from pyload.manifests.ips import AddressRange
from pyload.manifests.runs import (
    RUN_LEASE_NAMESPACE,
    RUN_LEASE_SECONDS,
    RunRecord,
    lease_name,
    run_lease,
)
from pyload.mesh.conflicts import find_conflicts, read_leases, refusal
from pyload.mesh.ownership import run_of
from pyload.tasks import cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj
    from pyload.manifests.runs import Origin
    from pyload.mesh.ledger import Entry

RENEW_SECONDS: Final = 15.0
"""Time from one renewal of the Lease to the next, a quarter of its duration."""

RELEASE_SECONDS: Final = 3.0
"""How long the end of a run waits for its Lease to be deleted."""

_RELEASES: Final = 5
_RELEASE_PAUSE: Final = 0.2
"""How often, and how far apart, the deletion is tried."""

_ATTEMPTS: Final = 20
"""Ranges of addresses that are tried, while other runs pick theirs too."""

log = logging.getLogger("pyload")


@contextlib.asynccontextmanager
async def claim(
    client: Client,
    origin: Origin,
    entries: Iterable[Entry] = (),
    *,
    adopts: bool = False,
    ways: Sequence[str] = (),
    addresses: AddressRange | None = None,
    follows: str = "",
) -> AsyncIterator[AddressRange | None]:
    """Make sure that no other run is in the way, and hold a run's Lease while the context lasts.

    Args:
        client: The API server.
        origin: The run.
        entries: The objects that the run would replace, or create things in.
        adopts: Whether objects of other runs are taken over.
        ways: What the user can do about objects of other runs besides cleaning up.
        addresses: The addresses that the run would like to have; None if it needs none.
        follows: The pods of others that the run has proxies for; empty for none.

    Yields:
        The addresses that the run may use; None if it needs none.

    Raises:
        UsageError: Objects of other runs are in the way; nothing was written.
    """
    entries = list(entries)
    conflicts = await find_conflicts(client, entries, origin.run_id)
    if conflicts and not adopts:
        leases = await read_leases(client)
        raise refusal(conflicts, leases, datetime.now(UTC), ways=ways)
    for conflict in conflicts:
        log.warning("%s of run %s is taken over", conflict.entry, conflict.record.run_id)
    # An account that only reads pods need not be able to write Leases.
    refusal_level = logging.DEBUG if follows and not entries else logging.WARNING
    holder = _Holder(client, origin, follows, refusal_level=refusal_level)
    renewals: list[asyncio.Task[None]] = []
    try:
        chosen = await holder.acquire(addresses)
        if follows:
            await holder.warn_of_twins()
        renewals.append(asyncio.create_task(holder.renew(), name="run-lease"))
        yield chosen
    finally:
        await cancel(renewals)
        await holder.release()


class _Holder:
    """Holds the Lease of one run."""

    def __init__(
        self,
        client: Client,
        origin: Origin,
        follows: str = "",
        *,
        refusal_level: int = logging.WARNING,
        rng: Random | None = None,
    ) -> None:
        self._client = client
        self._origin = origin
        self._follows = follows
        self._refusal_level = refusal_level
        self._rng = rng or Random()  # noqa: S311 - spreads retries
        self._addresses = ""
        self._refused = False

    async def acquire(self, wanted: AddressRange | None) -> AddressRange | None:
        """Write the Lease, with addresses that no other run has."""
        chosen = wanted
        for _ in range(_ATTEMPTS):
            if wanted is not None:
                chosen = wanted.moved_off(await self._taken())
                self._addresses = str(chosen)
            await self._write()
            if chosen is None or self._refused:
                break
            if not any(chosen.overlaps(other) for other in await self._taken()):
                break
            await asyncio.sleep(self._rng.random())
        else:
            raise PyloadError(
                "no addresses are free of other runs, which start all the time",
                fix="start fewer runs at a time",
            )
        return chosen

    async def warn_of_twins(self) -> None:
        """Warn of runs under way that have proxies for the same pods."""
        now = datetime.now(UTC)
        for record in map(RunRecord.read, await read_leases(self._client)):
            twin = record.run_id != self._origin.run_id and record.is_live(now)
            if twin and follow_the_same(record.follows, self._follows):
                text = "%s: it follows the same pods, so that each has two proxies; use --shard"
                log.warning(text, record.describe(now))

    async def renew(self) -> None:
        """Renew the Lease until cancelled."""
        while not self._refused:
            await asyncio.sleep(RENEW_SECONDS)
            await self._write()

    async def release(self) -> None:
        """Delete the Lease."""
        if self._refused:
            return
        path = LEASES.path(RUN_LEASE_NAMESPACE, lease_name(self._origin.run_id))
        error: PyloadError | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                for _ in range(_RELEASES):
                    try:
                        await self._client.delete(path)
                    except PyloadError as failure:
                        error = failure
                        await asyncio.sleep(_RELEASE_PAUSE)
                    else:
                        return
        # Of a server that does not answer, the clean-up has told the user.
        if error is not None and not isinstance(error, ClusterUnreachable):
            name = f"Lease {RUN_LEASE_NAMESPACE}/{lease_name(self._origin.run_id)}"
            log.warning("%s stays, and is over in %d s: %s", name, RUN_LEASE_SECONDS, error)

    async def _write(self) -> None:
        """Write the Lease; without one a run goes on all the same."""
        lease = run_lease(
            self._origin,
            now=datetime.now(UTC),
            addresses=self._addresses,
            follows=self._follows,
        )
        try:
            await upsert(self._client, LEASES, lease)
        except ClusterUnreachable as error:
            log.debug("the Lease of this run was not written: %s", error)
        except PyloadError as error:
            text = error.what
            if isinstance(error, (Forbidden, NotFound)):
                self._refused = True
                text += "; grant the account get, create, update and delete on leases in default"
            log.log(
                self._refusal_level,
                "other runs cannot see that this one is under way: %s",
                text,
            )

    async def _taken(self) -> list[AddressRange]:
        leases = await read_leases(self._client)
        found = (_addresses_of(one) for one in leases if run_of(one) != self._origin.run_id)
        return [one for one in found if one is not None]


def _addresses_of(lease: Obj) -> AddressRange | None:
    return AddressRange.parse(RunRecord.read(lease).addresses)
