"""A discovery response as pyload keeps it: one object, however many proxies receive it.

What depends on the receiver is computed here too, and kept for the next: after a push most proxies
go from the same state to the same other, and want the same names.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary, ref

from google.protobuf.message import DecodeError

from pyload.errors import RemoteProtocolError
from pyload.xds import resources
from pyload.xds.marks import NO_MARKS
from pyload.xds.refusals import ACCEPTED, Judgement
from pyload.xds.resource_set import NO_NAMES, NO_RESOURCES, NameSet, ResourceSet
from pyload.xds.types import short
from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.xds.marks import Marks
    from pyload.xds.messages import Message
    from pyload.xds.types import TypeUrl

DeltaResponse = discovery_pb2.RawDeltaDiscoveryResponse
SotwResponse = discovery_pb2.DiscoveryResponse
ParsedResponse = SotwResponse | DeltaResponse


class Details(NamedTuple):
    """The resources of a response.

    Attributes:
        names: The names of the resources.
        bodies: The resources, each an encoded ``google.protobuf.Any``.
    """

    names: tuple[str, ...] = ()
    bodies: tuple[bytes, ...] = ()


class Response:
    """A response without its nonce.

    Attributes:
        type_url: The type of the resources.
        short_type: Its short name.
        version: The control plane's version, as sent; equal versions are one object.
        size: Bytes of the encoded response.
        count: How many resources the response carries.
        resources: Those resources that can be used; in SotW only of types that refer to others.
        heartbeats: Those without a body; in delta a proxy must have them in the same version.
        refused: The names of those that cannot be used.
        removed: The names of resources that are gone; none in SotW.
        error: Why the answer must be a NACK; empty if the response is good.
        resource_set: SotW: all resources that a proxy holds after a good response.
        marks: The marks of probes in the resources; none in a response with an error.
        control_plane: What the control plane calls itself; most say nothing.
    """

    __slots__ = (
        "_after",
        "_awaited",
        "_details",
        "_missing",
        "_unmatched",
        "_wanted",
        "control_plane",
        "count",
        "error",
        "heartbeats",
        "marks",
        "refused",
        "removed",
        "resource_set",
        "resources",
        "short_type",
        "size",
        "type_url",
        "version",
    )

    def __init__(
        self,
        type_url: TypeUrl,
        version: str,
        *,
        size: int,
        count: int,
        judgement: Judgement = ACCEPTED,
        removed: tuple[str, ...] = (),
        resource_set: ResourceSet = NO_RESOURCES,
        marks: Marks = NO_MARKS,
        control_plane: str = "",
    ) -> None:
        self.type_url = type_url
        self.short_type = short(type_url)
        self.version = sys.intern(version)
        self.size = size
        self.count = count
        self.resources, self.heartbeats, self.refused, self.error = judgement
        self.removed = removed
        self.resource_set = resource_set
        self.marks = marks
        self.control_plane = control_plane
        # What `after` or `after_refusal` returned, by what it was called with.
        self._after: WeakKeyDictionary[ResourceSet, ref[ResourceSet]] = WeakKeyDictionary()
        self._details: Details | None = None
        # What `missing` returned last, and what it was called with. Not the names themselves: there
        # may be as many responses with endpoints as proxies, as each comes in another order.
        self._awaited: frozenset[str] = NO_NAMES.members
        self._missing: frozenset[str] = NO_NAMES.members
        # What `unmatched` returned last, and what it was called with.
        self._wanted: NameSet | None = None
        self._unmatched: tuple[str, ...] = ()

    def after(self, before: ResourceSet) -> ResourceSet:
        """Delta: return the resources held after this response by a proxy that held others."""
        known = self._after.get(before)
        resource_set = known() if known is not None else None
        if resource_set is None:
            resource_set = before.updated(self.resources, self.removed)
            self._after[before] = ref(resource_set)
        return resource_set

    def after_refusal(self, before: ResourceSet, *, delta: bool) -> ResourceSet:
        """Return the resources held after this response if it is refused, in part or as a whole."""
        if not self.resources and not self.refused:
            return before
        known = self._after.get(before)
        resource_set = known() if known is not None else None
        if resource_set is None:
            if delta:
                resource_set = before.updated_in_part(self.resources, self.removed)
            else:
                resource_set = self.beside(self.refused, before)
            self._after[before] = ref(resource_set)
        return resource_set

    def beside(self, kept: Iterable[str], before: ResourceSet) -> ResourceSet:
        """SotW: return the resources of this response, and of those from before some."""
        known = before.by_name
        return ResourceSet.of((*self.resources, *(known[name] for name in kept if name in known)))

    def unmatched(self, wanted: NameSet) -> tuple[str, ...]:
        """Return the names of resources that are not among the names asked for."""
        if self._wanted is not wanted:
            members = wanted.members
            self._unmatched = tuple(one.name for one in self.resources if one.name not in members)
            self._wanted = wanted
        return self._unmatched

    def missing(self, names: frozenset[str], message: Message, *, delta: bool) -> frozenset[str]:
        """Return those of some names that are neither of a resource nor removed.

        Args:
            names: Names that are waited for, mostly the same object for all who receive this.
            message: A message that this response was read from.
            delta: Whether that is a message of delta xDS.
        """
        if self._awaited is not names:
            came = [one.name for one in self.resources] if delta else names_of(message.whole())
            self._awaited, self._missing = names, names.difference(came, self.removed)
        return self._missing

    def details(self, message: Message, *, delta: bool) -> Details:
        """Return the names and bodies of the resources, the same objects for all who receive them.

        Args:
            message: A message that this response was read from.
            delta: Whether that is a message of delta xDS.
        """
        if self._details is None:
            bodies = tuple(parse(message.whole(), delta=delta).resources)
            if delta:
                wrappers = [discovery_pb2.Resource.FromString(one) for one in bodies]
                names = tuple(one.name for one in wrappers)
                bodies = tuple(one.resource for one in wrappers)
            else:
                names = tuple(map(resources.name_of, bodies))
            self._details = Details(names, bodies)
        return self._details


def names_of(data: bytes) -> list[str]:
    """Return the names of the resources in an encoded SotW response, whose first field they are."""
    if resources.WRAPPER.encode() not in data:
        with suppress(DecodeError):
            named = discovery_pb2.NamesOfResponse.FromString(data)
            return [one.value.name for one in named.resources]
    # One of them is wrapped, or not what it should be.
    return [resources.name_of(body) for body in parse(data, delta=False).resources]


def parse(data: bytes, *, delta: bool) -> ParsedResponse:
    """Parse a response.

    Raises:
        RemoteProtocolError: The bytes are no response, or one without type or nonce.
    """
    try:
        parsed: ParsedResponse = (
            DeltaResponse.FromString(data)
            if delta
            else discovery_pb2.DiscoveryResponse.FromString(data)
        )
    except DecodeError as error:
        kind = "delta discovery response" if delta else "discovery response"
        raise RemoteProtocolError(f"the message is no {kind}") from error
    if not parsed.type_url or not parsed.nonce:
        raise RemoteProtocolError("the response has no type or no nonce")
    return parsed
