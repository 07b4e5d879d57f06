"""Subscriptions of a stream, and the fragments of responses that follow from them.

A response is made of fragments that `resource_batch` encodes once for all proxies. The functions
here choose them: for a request by the names that it adds, for a push by what changed and what the
proxy was last sent. They hold no state but the subscription that they are passed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.embedded.controlplane import wire
from pyload.embedded.controlplane.resource_batch import ResponseFragment
from pyload.xds.types import ADDRESS, CDS, WORKLOAD, TypeUrl

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyload.embedded.controlplane.resource_batch import ResourceBatch
    from pyload.embedded.controlplane.snapshot import View

# Types of which some proxies subscribe to names as they come across them.
_ON_DEMAND: Final = frozenset({ADDRESS, WORKLOAD})


class NameInterner:
    """Makes equal sets of names one object: thousands of proxies subscribe to the same ones.

    Args:
        limit: How many sets to remember; past this, start again.
    """

    def __init__(self, limit: int = 128) -> None:
        self._limit = limit
        self._known: dict[frozenset[str], frozenset[str]] = {}

    def intern(self, names: frozenset[str]) -> frozenset[str]:
        """Return the one object for all sets that equal this one."""
        if len(self._known) >= self._limit:
            self._known.clear()
        return self._known.setdefault(names, names)


@dataclass(slots=True)
class Subscription:
    """What a proxy has subscribed to of one type, and what it was last sent.

    Attributes:
        names: Names subscribed to.
        wildcard: Whether it has subscribed to all names.
        nonce: Nonce of the last response.
        sent: The batches that the last response was made from.
    """

    names: frozenset[str] = frozenset()
    wildcard: bool = False
    nonce: str = ""
    sent: tuple[ResourceBatch, ...] = field(default=(), repr=False)


class FragmentSelector:
    """Chooses the fragments of a stream's responses.

    Args:
        delta: Whether it is a delta stream.
        names: Shared by all streams.
    """

    __slots__ = ("_delta", "_names")

    def __init__(self, *, delta: bool, names: NameInterner) -> None:
        self._delta = delta
        self._names = names

    def resolve(self, type_url: TypeUrl, names: frozenset[str], view: View) -> frozenset[str]:
        """Return the names of the resources that answer a subscription to some names."""
        if type_url not in _ON_DEMAND:
            return names
        return frozenset(found for name in names for found in view.resolve(name))

    def for_request(
        self,
        type_url: TypeUrl,
        subscription: Subscription,
        view: View,
        names: frozenset[str],
        *,
        everything: bool = True,
    ) -> list[ResponseFragment]:
        """Return the answer to a subscription to names, or to everything."""
        batches = view.of(type_url)
        if subscription.wildcard and everything:
            return [one.all(delta=self._delta) for one in batches]
        return self._by_name(batches, self._names.intern(names))

    def _by_name(
        self, batches: tuple[ResourceBatch, ...], names: frozenset[str]
    ) -> list[ResponseFragment]:
        if len(batches) == 1:
            return [batches[0].named(names, delta=self._delta)]
        fragments = [
            one.named(frozenset(names & one.resources.keys()), delta=self._delta) for one in batches
        ]
        unknown = names.difference(*(one.resources for one in batches))
        if unknown and self._delta:
            fragments.append(removals_of(unknown))
        return fragments

    def for_push(
        self,
        names: frozenset[str] | None,
        type_url: TypeUrl,
        subscription: Subscription,
        view: View,
    ) -> list[ResponseFragment]:
        """Return what a push sends of one type; nothing if no resource of the proxy changed."""
        batches = view.of(type_url)
        if not subscription.wildcard:
            if names is None:
                return self.all_by_name(subscription, batches)
            return self._pushed_by_name(names, type_url, subscription, view)
        if not self._delta:
            return [one.all(delta=False) for one in batches]
        old = subscription.sent
        assert len(old) == len(batches), "a proxy never changes its type"
        if names is None:
            gone = names_in(old) - names_in(batches)
            fragments = [one.all(delta=True) for one in batches]
            return [*fragments, removals_of(gone)]
        if type_url != CDS:
            return _worth_sending(self._by_name(batches, self._names.intern(names)))
        # Of services, what differs; of the rest, all. That is how istiod does it.
        services, *rest = batches
        gone = names_in(old[1:]) - names_in(batches)
        fragments = [services.changes_since(old[0]), *(one.all(delta=True) for one in rest)]
        return _worth_sending([*fragments, removals_of(gone)])

    def _pushed_by_name(
        self,
        names: frozenset[str],
        type_url: TypeUrl,
        subscription: Subscription,
        view: View,
    ) -> list[ResponseFragment]:
        """Return what a push of some names sends to a proxy that subscribes by name."""
        if type_url in _ON_DEMAND:
            # A service may have workloads now that it did not have.
            found = self.resolve(type_url, subscription.names, view) & names
            subscription.names = self._names.intern(subscription.names | found)
        if not names <= subscription.names:
            names = self._names.intern(names & subscription.names)
        return _worth_sending(self._by_name(view.of(type_url), names)) if names else []

    def all_by_name(
        self, subscription: Subscription, batches: tuple[ResourceBatch, ...]
    ) -> list[ResponseFragment]:
        """Return all resources that the proxy has subscribed to by name."""
        # Delta sends removals; SotW merely leaves out the resources that are gone.
        held = (*batches, *subscription.sent) if self._delta else batches
        names = frozenset(
            name for name in subscription.names if any(name in one.resources for one in held)
        )
        return self._by_name(batches, self._names.intern(names)) if names else []


def names_in(batches: tuple[ResourceBatch, ...]) -> frozenset[str]:
    """Return the names of all resources of some batches."""
    return frozenset().union(*(one.resources for one in batches))


def removals_of(names: Collection[str]) -> ResponseFragment:
    """Return a fragment that removes some resources."""
    return ResponseFragment(wire.removals(sorted(names)), 0, len(names))


def _worth_sending(fragments: list[ResponseFragment]) -> list[ResponseFragment]:
    return fragments if any(fragment.count or fragment.removed for fragment in fragments) else []
