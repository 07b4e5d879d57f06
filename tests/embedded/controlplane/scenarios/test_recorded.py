"""What a real istiod sent to pilot-load's proxies, compared with what is sent here.

The requests of the recorded runs are made again at an embedded API server, at their times, and
scripted proxies connect as the recorded ones did. Compared are the types, names and removals of
every push, in their order.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pytest

from pyload.xds.node import encode_metadata, encode_node, node_id
from pyload.xds.types import ADDRESS, AUTHORIZATION, CDS, EDS, LDS, RDS, TypeUrl
from tests.embedded.apiserver.conftest import Api
from tests.embedded.apiserver.replay import repeat
from tests.embedded.controlplane.mesh import running_mesh
from tests.embedded.controlplane.reading import read_any
from tests.embedded.controlplane.support import delta, sotw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pyload.kube.resources import Obj
    from tests.embedded.controlplane.mesh import RunningMesh
    from tests.embedded.controlplane.support import Script

pytestmark = [pytest.mark.anyio, pytest.mark.golden, pytest.mark.virtual]

_TYPES = {
    "Cluster": CDS,
    "ClusterLoadAssignment": EDS,
    "Listener": LDS,
    "RouteConfiguration": RDS,
    "Address": ADDRESS,
    "Authorization": AUTHORIZATION,
}
_CLUSTER_IP = re.compile(r"\d+\.\d+\.\d+\.\d+_(\d+)")


class Sent(NamedTuple):
    """One response; names in any order, cluster IPs as ``IP``."""

    type_url: TypeUrl
    names: tuple[str, ...]
    removed: tuple[str, ...]


class Recorded:
    """The xDS messages of one recording."""

    def __init__(self, path: Path) -> None:
        self.messages = [orjson.loads(line) for line in path.read_bytes().splitlines()]

    def node(self, stream: int) -> bytes:
        """Encode the node of a stream's first request."""
        node = next(
            one["node"] for one in self.messages if one["stream"] == stream and "node" in one
        )
        kind, ip, name, _ = node["id"].split("~")
        # pilot-load puts the IP into the name, and so its pods are never found.
        pod, _, namespace = name.replace(f"-{ip}.", ".").rpartition(".")
        return encode_node(
            node_id(type=kind, ip=ip, name=pod, namespace=namespace),
            metadata=encode_metadata(node["metadata"]),
        )

    def sent(self, stream: int, after: float = 0.0, before: float = 1e9) -> list[Sent]:
        """Return the responses to a stream within some time."""
        return [
            _sent(_TYPES[one["type"]], one.get("names", ()), one.get("removed", ()))
            for one in self.messages
            if one["dir"] == "resp" and one["stream"] == stream and after < one["t"] < before
        ]

    def rounds(self, streams: Iterable[int], after: float) -> set[tuple[TypeUrl, ...]]:
        """Return which types were pushed together."""
        found = defaultdict(list)
        for one in self.messages:
            if one["dir"] == "resp" and one["stream"] in streams and one["t"] > after:
                found[one["stream"], one["version"]].append(_TYPES[one["type"]])
        return {tuple(types) for types in found.values()}

    def last(self, stream: int, type_url: TypeUrl, before: float) -> Sent:
        """Return the last response of a type before some time."""
        return [one for one in self.sent(stream, before=before) if one.type_url == type_url][-1]


def _sent(type_url: TypeUrl, names: Iterable[str], removed: Iterable[str]) -> Sent:
    def plain(name: str) -> str:
        return name if name.startswith("0.0.0.0") else _CLUSTER_IP.sub(r"IP_\1", name)

    return Sent(type_url, tuple(sorted(map(plain, names))), tuple(sorted(map(plain, removed))))


def _without_repeats(sent: Sequence[Sent]) -> list[Sent]:
    """Leave out what repeats what went before.

    A real cluster adds and removes the endpoints of a rolling pod in steps, each with a push.
    """
    return [one for index, one in enumerate(sent) if index == 0 or one != sent[index - 1]]


class RecordedProxy:
    """A scripted proxy that acknowledges and records all responses."""

    def __init__(self, script: Script, *, is_delta: bool) -> None:
        self.script = script
        self.sent: list[Sent] = []
        self.rounds: defaultdict[str, list[TypeUrl]] = defaultdict(list)
        self._is_delta = is_delta
        self._names: dict[str, tuple[str, ...]] = {}
        self._task: asyncio.Task[None] | None = None

    async def fetch(self, type_url: TypeUrl, names: Sequence[str] = (), node: bytes = b"") -> Sent:
        """Ask for a type for the first time."""
        self._names[type_url] = tuple(names)
        return self._read(await self.script.fetch(type_url, names, node=node))

    def start(self) -> None:
        """Record pushes from now on."""
        self._task = asyncio.create_task(self._record(), name="scripted-proxy")

    async def stop(self) -> list[Sent]:
        """Return the recorded pushes."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return _without_repeats(self.sent)

    async def _record(self) -> None:
        while True:
            response = await self.script.get()
            self.sent.append(self._read(response))
            version = response.system_version_info if self._is_delta else response.version_info
            self.rounds[version].append(response.type_url)
            make: Any = delta if self._is_delta else sotw
            names = () if self._is_delta else self._names[response.type_url]
            await self.script.ask(make(response.type_url, names, nonce=response.nonce))

    def _read(self, response: Any) -> Sent:
        if self._is_delta:
            names = [resource.name for resource in response.resources]
            return _sent(response.type_url, names, response.removed_resources)
        found = map(read_any, response.resources)
        names = [getattr(one, "cluster_name", "") or one.name for one in found]
        return _sent(response.type_url, names, ())


def _requests(path: Path) -> list[Obj]:
    """Read the requests of a run that changed something."""
    requests = map(orjson.loads, path.read_bytes().splitlines())
    return [one for one in requests if one["verb"] in ("create", "delete", "patch", "update")]


async def _replay(api: Api, requests: Iterable[Obj], *, after: float, until: float) -> None:
    """Make the requests of some seconds of a run again, at their times."""
    loop = asyncio.get_running_loop()
    start = loop.time() - after
    for request in requests:
        if after <= request["t"] < until:
            await asyncio.sleep(max(0.0, start + request["t"] - loop.time()))
            await repeat(api, request)
    await asyncio.sleep(1)


async def _add_bystanders(api: Api, recorded: Recorded) -> None:
    """Create the services that were there before the run, as far as clusters show them."""
    ports: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for cluster in recorded.last(4, CDS, before=0.3).names:
        if cluster.startswith("outbound|"):
            _, port, _, host = cluster.split("|")
            name, namespace, *_ = host.split(".")
            ports[namespace, name].append(int(port))
    protocols = {80: "http", 443: "https", 9080: "http"}
    for (namespace, name), numbers in ports.items():
        if namespace == "default":
            continue
        await api("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        served = [{"name": protocols[port], "port": port} for port in numbers]
        await api(
            "POST",
            f"/api/v1/namespaces/{namespace}/services",
            {"metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": served}},
        )


async def _connect(
    mesh: RunningMesh, recorded: Recorded, stream: int, *, is_delta: bool
) -> tuple[RecordedProxy, dict[TypeUrl, Sent]]:
    """Connect an Envoy that subscribes to the names in its resources."""
    proxy = RecordedProxy(await mesh.dial(delta=is_delta), is_delta=is_delta)
    clusters = await proxy.fetch(CDS, node=recorded.node(stream))
    named = [name for name in clusters.names if name.startswith(("outbound", "inbound-vip"))]
    found = {CDS: clusters}
    if named:
        found[EDS] = await proxy.fetch(EDS, named)
    found[LDS] = await proxy.fetch(LDS)
    return proxy, found


async def _churned(
    golden: Path, recorded: Recorded, *, is_delta: bool
) -> dict[int, tuple[RecordedProxy, dict[TypeUrl, Sent], list[Sent]]]:
    """Run the recorded mesh for 9 s; return each proxy with its requests and its pushes."""
    requests = _requests(golden / "kube" / "current-mix.requests.jsonl")
    proxies = {}
    async with running_mesh(ready=False, namespace=False) as mesh:
        api = Api(mesh.server)
        await _add_bystanders(api, recorded)
        await _replay(api, requests, after=0, until=0.5)
        await mesh.plane.ready.wait()
        for stream in (1, 2, 3, 4, 5):
            proxy, found = await _connect(mesh, recorded, stream, is_delta=is_delta)
            routes = [name for name in recorded.last(stream, RDS, before=1).names if name != "9080"]
            found[RDS] = await proxy.fetch(RDS, routes)
            proxy.start()
            proxies[stream] = proxy, found
        await _replay(api, requests, after=0.5, until=9)
        return {
            stream: (proxy, found, await proxy.stop()) for stream, (proxy, found) in proxies.items()
        }


async def test_sidecars_and_a_gateway_are_told_what_istiod_told_them(golden: Path) -> None:
    """A Sidecar limits what is seen, a gateway has its routes, and churn is pushed alike."""
    recorded = Recorded(golden / "xds" / "delta-sidecar-gateway-churn.jsonl")

    for stream, (_, found, pushed) in (await _churned(golden, recorded, is_delta=True)).items():
        # The recorded proxies connected a little too early, and were told all a moment later.
        for type_url in (CDS, LDS):
            assert found[type_url].names == recorded.last(stream, type_url, before=1).names
        assert found[RDS].names == (
            ("http.80", "https.443.https.gateway.mesh") if stream == 4 else ("80",)
        )
        expected = _without_repeats(recorded.sent(stream, after=1))
        assert len(expected) == (8 if stream == 4 else 5)
        assert pushed == expected


async def test_sotw_pushes_the_types_that_istiod_pushed(golden: Path) -> None:
    """Without deltas everything of a type is sent, but only of the types that are concerned."""
    recorded = Recorded(golden / "xds" / "delta-sidecar-gateway-churn.jsonl")
    in_sotw = Recorded(golden / "xds" / "sotw-sidecar-gateway-churn.jsonl")
    # There the gateway's pod was replaced; its successor is stream 6.
    sidecars = in_sotw.rounds((1, 2, 3, 4), after=1)
    gateways = in_sotw.rounds((5, 6), after=6) | in_sotw.rounds((5,), after=1)

    for stream, (proxy, found, pushed) in (
        await _churned(golden, recorded, is_delta=False)
    ).items():
        rounds = {tuple(types) for types in proxy.rounds.values()}
        assert rounds == (gateways if stream == 4 else sidecars)
        for one in pushed:
            if one.type_url != EDS:
                assert one == found[one.type_url]


async def test_ambient_is_told_what_istiod_told_it(golden: Path) -> None:
    """Ztunnels learn of addresses, waypoints of what is behind them, and both of churn."""
    recorded = Recorded(golden / "xds" / "delta-waypoint-ztunnel.jsonl")
    requests = _requests(golden / "kube" / "current-ambient.requests.jsonl")
    async with running_mesh(namespace=False) as mesh:
        api = Api(mesh.server)
        ztunnels = {}
        for stream in (1, 2):
            ztunnels[stream] = RecordedProxy(await mesh.dial(delta=True), is_delta=True)
            for type_url in (ADDRESS, AUTHORIZATION):
                answer = await ztunnels[stream].fetch(type_url, node=recorded.node(stream))
                assert answer == recorded.last(stream, type_url, before=0.2)
            ztunnels[stream].start()
        await _replay(api, requests, after=0, until=3)

        waypoints = {}
        for stream, until in ((5, 5), (6, 9)):
            waypoints[stream], found = await _connect(mesh, recorded, stream, is_delta=True)
            told = {one.type_url: one for one in recorded.sent(stream)}
            assert found == {type_url: told[type_url] for type_url in (CDS, EDS, LDS)}
            waypoints[stream].start()
            await _replay(api, requests, after=until - 3, until=until)

        for stream, proxy in ztunnels.items():
            first, *later = await proxy.stop()
            at_once = recorded.sent(stream, after=0.3, before=1)
            # The recorded istiod took two rounds to find out about waypoints.
            assert set(first.names) == {name for one in at_once for name in one.names}
            assert later == recorded.sent(stream, after=1, before=9)
        for stream, proxy in waypoints.items():
            pushed = recorded.sent(stream, after=3.2 if stream == 5 else 6.2, before=9)
            assert await proxy.stop() == _without_repeats(
                [one for one in pushed if one.type_url == EDS]
            )
