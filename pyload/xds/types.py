"""The types of xDS resources, and the facts about one response that observers receive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, NewType

if TYPE_CHECKING:
    from pyload.xds.responses import Details, Response

TypeUrl = NewType("TypeUrl", str)

PREFIX: Final = "type.googleapis.com/"

CDS: Final = TypeUrl(f"{PREFIX}envoy.config.cluster.v3.Cluster")
EDS: Final = TypeUrl(f"{PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment")
LDS: Final = TypeUrl(f"{PREFIX}envoy.config.listener.v3.Listener")
RDS: Final = TypeUrl(f"{PREFIX}envoy.config.route.v3.RouteConfiguration")
SDS: Final = TypeUrl(f"{PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret")
ECDS: Final = TypeUrl(f"{PREFIX}envoy.config.core.v3.TypedExtensionConfig")
NDS: Final = TypeUrl(f"{PREFIX}istio.networking.nds.v1.NameTable")
PCDS: Final = TypeUrl(f"{PREFIX}istio.mesh.v1alpha1.ProxyConfig")
ADDRESS: Final = TypeUrl(f"{PREFIX}istio.workload.Address")
WORKLOAD: Final = TypeUrl(f"{PREFIX}istio.workload.Workload")
AUTHORIZATION: Final = TypeUrl(f"{PREFIX}istio.security.Authorization")

_SHORT: Final = {
    CDS: "cds",
    EDS: "eds",
    LDS: "lds",
    RDS: "rds",
    SDS: "sds",
    ECDS: "ecds",
    NDS: "nds",
    PCDS: "pcds",
    ADDRESS: "wds",
    WORKLOAD: "wds",
    AUTHORIZATION: "wads",
}


_KNOWN: Final = {one: one for one in _SHORT}


def type_url_of(text: str) -> TypeUrl:
    """Return the type of a URL: if it is one of those above, the same object as there."""
    return _KNOWN.get(TypeUrl(text), TypeUrl(text))


def short(type_url: str) -> str:
    """Return istiod's short name of a type, as in its metrics: ``cds``, ``wads``.

    Both workload types are ``wds`` there. A type without a short name keeps its last part.
    """
    known = _SHORT.get(TypeUrl(type_url))
    return known if known is not None else type_url.rpartition(".")[2].lower()


@dataclass(frozen=True, slots=True)
class Push:
    """One response of the control plane.

    Attributes:
        type_url: The type of the resources.
        size: Bytes of the encoded response.
        resources: How many resources the response carried.
        removed: How many names it removed; 0 in SotW, which has no removals.
        nonce: The response's identifier within the stream.
        version: The control plane's version of the state, as sent.
        error: Why the answer was a NACK, or why there was none; empty after an ACK.
        names: Names of the resources; only if they were asked for.
        removed_names: The names removed; only if they were asked for.
        bodies: The resources, each an encoded ``google.protobuf.Any``; only if they were asked for.
    """

    type_url: TypeUrl
    size: int
    resources: int
    removed: int
    nonce: str
    version: str
    error: str = ""
    names: tuple[str, ...] = ()
    removed_names: tuple[str, ...] = ()
    bodies: tuple[bytes, ...] = ()


class Received(NamedTuple):
    """What follows from one message.

    Attributes:
        send: Messages that must be sent now, in this order.
        response: The response that the message was, which others receive too.
        nonce: Its identifier within the stream.
        error: Why the answer was a NACK, or why there was none; empty after an ACK.
        unsolicited: Whether the control plane sent it of its own accord, and not as the answer to a
            request: the first response of a type on a stream is not, nor is another of the version
            that the proxy has.
        unmatched: Names of resources that were never asked for; they are ignored, yet acknowledged.
        details: Names and bodies of the resources; None if they were not asked for.
        draining: Whether listeners drain from now on; see `pyload.xds.subscriptions`.
        ignored: Whether the response is not answered at all.
    """

    send: list[bytes]
    response: Response
    nonce: str
    error: str = ""
    unsolicited: bool = False
    unmatched: tuple[str, ...] = ()
    details: Details | None = None
    draining: bool = False
    ignored: bool = False

    @property
    def push(self) -> Push:
        """The facts for a user, a new object for each call: most proxies of a fleet need none."""
        response, details = self.response, self.details
        return Push(
            type_url=response.type_url,
            size=response.size,
            resources=response.count,
            removed=len(response.removed),
            nonce=self.nonce,
            version=response.version,
            error=self.error,
            names=details.names if details else (),
            removed_names=response.removed if details else (),
            bodies=details.bodies if details else (),
        )
