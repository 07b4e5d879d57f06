"""The incremental variant of xDS, from one proxy's side.

Responses carry what has changed and the names of what is gone; requests the names that are wanted
from now on, and those that are wanted no more. A ztunnel asks for all workloads and policies, and
for nothing else. A waypoint also asks for all workloads, of which it reads who calls it: Istio's
Envoy has an extension for that, which starts as soon as the first request is sent. On a new stream
the proxy repeats what it is subscribed to, with the versions of the resources that it holds, as
Envoy and ztunnel do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.xds import requests
from pyload.xds.node import SIDECAR, WAYPOINT, ZTUNNEL
from pyload.xds.resource_set import NO_NAMES, NO_RESOURCES, WILDCARD
from pyload.xds.resources import mismatch
from pyload.xds.subscription import Subscription
from pyload.xds.subscriptions import Subscriptions
from pyload.xds.types import ADDRESS, AUTHORIZATION, CDS, WORKLOAD

if TYPE_CHECKING:
    from pyload.xds.resource_set import NameSet
    from pyload.xds.responses import Response
    from pyload.xds.subscription import Answer
    from pyload.xds.types import TypeUrl


class _DeltaSubscription(Subscription):
    __slots__ = ("_dropped", "_replace")

    def __init__(self, type_url: TypeUrl) -> None:
        super().__init__(type_url)
        # Names that the last request gave up; resources of them may still be on their way.
        self._dropped: frozenset[str] = frozenset()
        # Whether the next response is all that there is: it was asked for without versions.
        self._replace = False

    def restart(self) -> list[bytes]:
        """Return the requests that repeat the subscription, with versions where they fit.

        Where they do not fit into a request they are left out, and the control plane then sends
        everything.
        """
        self._dropped = frozenset()
        if self.names is NO_NAMES:
            return []
        names = list(requests.subscriptions(self.names))
        if self.names is not WILDCARD:
            self._forget_unwanted()
        versions = self.resources.versions
        self._replace = len(names) > 1 or len(names[0]) + len(versions) > requests.MAX_REQUEST
        if not self._replace:
            names[0] += versions
        head = requests.delta_type(self.type_url)
        return [head + one for one in names]

    def change(self, names: NameSet) -> list[bytes]:
        before, self.names = self.names, names
        head = requests.delta_type(self.type_url)
        if before is NO_NAMES:
            return [head + one for one in requests.subscriptions(names)]
        diff = names.since(before)
        self._dropped = diff.dropped
        return [head + diff.encoded]

    def accept(self, response: Response, nonce: str) -> None:  # noqa: ARG002 - for SotW
        self.resources = response.after(NO_RESOURCES if self._replace else self.resources)
        self._replace = False
        self.version = response.version

    def refuse(self, response: Response, nonce: str) -> None:  # noqa: ARG002 - for SotW
        self.resources = response.after_refusal(self.resources, delta=True)

    def objection(self, response: Response) -> str:
        held = self.resources.by_name
        for one in response.heartbeats:
            known = held.get(one.name)
            if known is None or known.version != one.version:
                return mismatch("", self.type_url)
        return ""

    def ack(self, nonce: str) -> bytes:
        return requests.delta_type(self.type_url) + requests.delta_nonce(nonce)

    def answers(self, held: tuple[Answer, ...]) -> list[bytes]:
        return [self.answer(nonce, error) for nonce, error in held]

    def nack(self, error: str, nonce: str) -> bytes:
        return self.ack(nonce) + requests.nack(error, delta=True)

    def unmatched(self, response: Response) -> tuple[str, ...]:
        if self.names is WILDCARD:
            return ()
        unmatched = response.unmatched(self.names)
        if unmatched and self._dropped:
            return tuple(name for name in unmatched if name not in self._dropped)
        return unmatched

    def _forget_unwanted(self) -> None:
        """Forget resources given up on the last stream: their removal is not announced."""
        unwanted = self.resources.by_name.keys() - self.names.members
        if unwanted:
            self.resources = self.resources.updated((), unwanted)


_FIRST: Final = {WAYPOINT: (CDS, WORKLOAD), ZTUNNEL: (ADDRESS, AUTHORIZATION)}
"""What the first requests of all ask for, where it is not clusters alone."""


class Delta(Subscriptions):
    """One proxy that speaks incremental xDS; see `Subscriptions`.

    Args:
        node_type: A ``ztunnel`` asks for other types than the rest, a ``waypoint`` for one more.
    """

    __slots__ = ()

    delta = True
    _kind = _DeltaSubscription

    def __init__(
        self,
        *,
        node_type: str = SIDECAR,
        with_resources: bool = False,
        agent_types: tuple[TypeUrl, ...] = (),
        nack: bool = False,
    ) -> None:
        super().__init__(
            with_resources=with_resources,
            agent_types=agent_types,
            nack=nack,
            first=_FIRST.get(node_type, (CDS,)),
        )
