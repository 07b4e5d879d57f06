"""The configuration that the server replays: as a real istiod sent it, or made in its likeness.

The recording is one client of a mesh with 200 services: 405 clusters, their endpoints, 205
listeners and one big route table, 770 KB. What is generated has the same counts and sizes for each
service. Nothing here does I/O but `recorded`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final

from google.protobuf import any_pb2

from pyload.xds.marks import name_of as name_of_probe
from pyload.xds.resources import name_of
from pyload.xds.types import CDS, EDS, LDS, RDS, TypeUrl
from pyload.xds.wire import config_pb2, discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

ORDER: Final = (CDS, EDS, LDS, RDS)
"""The types in the order in which istiod pushes them."""

CYCLE: Final = 20

RUN: Final = "bench"
"""The run whose probes mark the configuration."""

_HCM: Final = TypeUrl(
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
    ".HttpConnectionManager"
)
_CLUSTER_BYTES: Final = 1330
_ENDPOINTS_BYTES: Final = 38
_LISTENER_BYTES: Final = 305
_ROUTES_BYTES: Final = 430
_MARK: Final = 1000
"""Number of a field that no xDS message has: any message stays valid with it."""
_SHARE: Final = 100
"""One in so many resources differs between one changed revision and the next."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource.

    Attributes:
        name: Its name.
        packed: An encoded ``google.protobuf.Any``.
    """

    name: str
    packed: bytes

    def marked(self, text: str) -> Resource:
        """Return the resource encoded in other bytes that mean the same."""
        packed = any_pb2.Any.FromString(self.packed)
        packed.value += _field(_MARK, text.encode())
        return replace(self, packed=packed.SerializeToString())


@dataclass(frozen=True, slots=True)
class Content:
    """All that one proxy receives.

    Attributes:
        resources: By type.
    """

    resources: Mapping[TypeUrl, tuple[Resource, ...]]

    def view(self, number: int) -> Content:
        """Return the content of another kind of proxy: its last cluster and listener are its own.

        Istiod puts what a proxy serves itself behind what it calls. View 0 is the content itself.
        """
        if not number:
            return self
        changed = dict(self.resources)
        for type_url in (CDS, LDS):
            *most, last = changed[type_url]
            changed[type_url] = (*most, last.marked(f"view {number}"))
        return Content(changed)

    def revision(self, number: int) -> Content:
        """Return the content after a change of one resource in a hundred, others for each number.

        After `CYCLE` numbers it begins anew, so what remembers resources is full at some time.
        """
        number %= CYCLE
        return Content(
            {
                type_url: tuple(
                    one.marked(f"{number:08}") if at % _SHARE == number % _SHARE else one
                    for at, one in enumerate(resources)
                )
                for type_url, resources in self.resources.items()
            }
        )

    def since(self, number: int) -> Content:
        """Return only the resources that `revision` changes."""
        number %= CYCLE
        return Content(
            {
                type_url: tuple(
                    one.marked(f"{number:08}") for one in resources[number % _SHARE :: _SHARE]
                )
                for type_url, resources in self.resources.items()
            }
        )

    def only(self, *types: TypeUrl) -> Content:
        """Return the resources of some types."""
        return Content({one: self.resources[one] if one in types else () for one in ORDER})

    def moved(self, number: int) -> Content:
        """Return the endpoints of one service, another address among them for each number."""
        changed = self.resources[EDS][0].marked(f"10.0.{number >> 8 & 255}.{number & 255}")
        return Content({CDS: (), EDS: (changed,), LDS: (), RDS: ()})

    def probed(self, number: int, *, delta: bool) -> Content:
        """Return what istiod sends after a probe: one cluster more, and all routes.

        In state of the world it sends everything; in delta, only the new cluster.
        """
        host = f"{name_of_probe(RUN, number)}.example.com"
        name = f"outbound|80||{host}"
        cluster = config_pb2.Cluster(name=name, type=config_pb2.Cluster.STATIC)
        probe = _padded(CDS, name, cluster.SerializeToString(), _CLUSTER_BYTES)
        routes = tuple(one.marked(f"{host}:80") for one in self.resources[RDS])
        if delta:
            return Content({CDS: (probe,), EDS: (), LDS: (), RDS: routes})
        return Content({**self.resources, CDS: (*self.resources[CDS], probe), RDS: routes})


def encoded(
    content: Content, type_url: TypeUrl, *, version: str, delta: bool, order: int = 0
) -> bytes:
    """Encode a response, as istiod does, up to the nonce; see `nonce_field`.

    Args:
        content: Has its resources.
        type_url: Their type.
        version: Of the response.
        delta: Whether it is one of delta.
        order: Another number puts the resources into another order; 0 leaves them in theirs.
    """
    resources = list(content.resources.get(type_url, ()))
    if order:
        Random(order).shuffle(resources)
    response: discovery_pb2.DiscoveryResponse | discovery_pb2.DeltaDiscoveryResponse
    if delta:
        response = discovery_pb2.DeltaDiscoveryResponse(
            system_version_info=version,
            resources=[
                discovery_pb2.Resource(name=one.name, resource=one.packed) for one in resources
            ],
            type_url=type_url,
        )
    else:
        response = discovery_pb2.DiscoveryResponse(
            version_info=version,
            resources=[one.packed for one in resources],
            type_url=type_url,
        )
    return response.SerializeToString()


def nonce_field(nonce: str) -> bytes:
    """Encode the nonce, which is the last field of both kinds of response."""
    return _field(5, nonce.encode())


def recorded(folder: Path) -> Content:
    """Read what a real istiod sent.

    Args:
        folder: Has one file for each response.
    """
    found: dict[TypeUrl, tuple[Resource, ...]] = {}
    for path in sorted(folder.glob("*.pb")):
        response = discovery_pb2.DiscoveryResponse.FromString(path.read_bytes())
        found[TypeUrl(response.type_url)] = tuple(
            Resource(name_of(one), one) for one in response.resources
        )
    return Content(found)


def generated(services: int) -> Content:
    """Make the content of a mesh with a number of services, of two ports each."""
    names = [
        f"outbound|{port}||s{number}.svc.svc.cluster.local"
        for number in range(services)
        for port in (80, 443)
    ]
    return Content(
        {
            CDS: tuple(_padded(CDS, name, _cluster(name), _CLUSTER_BYTES) for name in names),
            EDS: tuple(_padded(EDS, name, _named(name), _ENDPOINTS_BYTES) for name in names),
            LDS: tuple(_listeners(services)),
            RDS: (_padded(RDS, "80", _named("80"), _ROUTES_BYTES * services),),
        }
    )


def _cluster(name: str) -> bytes:
    cluster = config_pb2.Cluster(name=name, type=config_pb2.Cluster.EDS)
    cluster.eds_cluster_config.service_name = name
    return cluster.SerializeToString()


def _listeners(services: int) -> Iterable[Resource]:
    routed = config_pb2.HttpConnectionManager()
    routed.rds.route_config_name = "80"
    listener = config_pb2.Listener(name="0.0.0.0_80")
    one = listener.filter_chains.add().filters.add(name="http")
    one.typed_config.CopyFrom(any_pb2.Any(type_url=_HCM, value=routed.SerializeToString()))
    yield _padded(LDS, listener.name, listener.SerializeToString(), _LISTENER_BYTES)
    for number in range(services):
        name = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}_443"
        yield _padded(LDS, name, _named(name), _LISTENER_BYTES)


def _named(name: str) -> bytes:
    return config_pb2.Named(name=name).SerializeToString()


def _padded(type_url: TypeUrl, name: str, value: bytes, size: int) -> Resource:
    """Bring a message to a size with a field that nobody reads."""
    # Text that does not repeat, as of a real configuration.
    text = " ".join(f"{name} {at}" for at in range(size // len(name) + 1)).encode()
    value += _field(_MARK, text[: max(0, size - len(value))])
    return Resource(name, any_pb2.Any(type_url=type_url, value=value).SerializeToString())


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
