"""A real Envoy and pyload are sent the same responses: both have to say the same to each.

The recordings judge in which order they say it (`tests.scenarios.test_recorded_proxies`): it is not
the same with the few clusters here.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from collections import Counter
from typing import IO, TYPE_CHECKING, Any, Final

import pytest
from google.protobuf import json_format, struct_pb2

from pyload.embedded.controlplane.wire import any_of, field, number
from pyload.xds.delta import Delta
from pyload.xds.messages import Message
from pyload.xds.sotw import Sotw
from pyload.xds.types import CDS, EDS, LDS, PREFIX, RDS, TypeUrl, short
from pyload.xds.wire import discovery_pb2
from tests.e2e.envoy import envoy
from tests.xds.messages import NODE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

QUIET: Final = 0.3
"""Seconds without a request after which Envoy has said all."""

Said = Counter[tuple[str, ...]]
"""What a proxy has said to a response: names by type, and answers."""

ADS: Final = field(3, b"") + number(6, 2)
TLS: Final = f"{PREFIX}envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
PROXY: Final = (
    f"{PREFIX}envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"
)
HCM: Final = (
    f"{PREFIX}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
ROUTER: Final = f"{PREFIX}envoy.extensions.filters.http.router.v3.Router"
WRAPPER: Final = f"{PREFIX}envoy.service.discovery.v3.Resource"


def named(name: str) -> bytes:
    """Encode endpoints or routes."""
    return field(1, name.encode())


def behind_proxy_protocol(inner: bytes) -> bytes:
    """Encode a socket that speaks the PROXY protocol before another one."""
    return socket(PROXY, field(1, number(1, 1)) + field(2, inner))


def cluster(name: str, socket: bytes = b"", *, eds: bool = True) -> bytes:
    """Encode a cluster."""
    kind = number(2, 3) + field(3, field(1, ADS)) if eds else number(2, 0)
    return named(name) + kind + (field(24, socket) if socket else b"")


def socket(kind: str, config: bytes) -> bytes:
    """Encode a transport socket."""
    return field(1, b"socket") + field(3, any_of(kind, config))


def tls(secret: str) -> bytes:
    """Encode a TLS socket with a secret from ADS."""
    return socket(TLS, field(1, field(6, named(secret) + field(2, ADS))))


def listener(name: str, manager: bytes, port: int = 80) -> bytes:
    """Encode a listener that listens nowhere."""
    address = field(2, field(1, field(2, b"127.0.0.1") + number(3, port)))
    one = field(1, b"http") + field(4, any_of(HCM, manager))
    return named(name) + address + field(3, field(3, one)) + field(26, b"")


def manager(route: str) -> bytes:
    """Encode an HTTP connection manager."""
    routes = field(3, field(1, ADS) + field(2, route.encode()))
    router = field(1, b"router") + field(4, any_of(ROUTER, b""))
    return field(2, b"http") + routes + field(5, router)


BAD_CLUSTER: Final = cluster("bad", socket(TLS, b"\xff"))
BAD_LISTENER: Final = listener("bad", b"\xff")
TTL: Final = field(6, number(1, 30))


def resource(
    name: str, type_url: TypeUrl, body: bytes | None, version: str = "1", more: bytes = b""
) -> bytes:
    """Encode a resource of delta, or a wrapped one of SotW; None is a heartbeat."""
    content = b"" if body is None else field(2, any_of(type_url, body))
    return field(1, version.encode()) + content + field(3, name.encode()) + more


def delta(type_url: TypeUrl, nonce: str, *sent: bytes, removed: tuple[str, ...] = ()) -> bytes:
    """Encode a delta response."""
    head = discovery_pb2.DeltaDiscoveryResponse(
        type_url=type_url, nonce=nonce, system_version_info="v", removed_resources=removed
    )
    return head.SerializeToString() + b"".join(field(2, one) for one in sent)


def sotw(type_url: TypeUrl, nonce: str, *sent: bytes, version: str = "") -> bytes:
    """Encode a SotW response, whose version is its nonce unless one is given."""
    packed = [
        one if one[:1] == b"\n" and WRAPPER.encode() in one else any_of(type_url, one)
        for one in sent
    ]
    head = discovery_pb2.DiscoveryResponse(
        type_url=type_url, nonce=nonce, version_info=version or nonce
    )
    return head.SerializeToString() + b"".join(field(2, one) for one in packed)


def typed_struct(secret: str) -> bytes:
    """Encode a TLS socket as the Struct of its JSON."""
    source = {"ads": {}, "resource_api_version": "V3"}
    secrets = [{"name": secret, "sds_config": source}]
    struct = json_format.ParseDict(
        {"common_tls_context": {"tls_certificate_sds_secret_configs": secrets}}, struct_pb2.Struct()
    )
    value = field(1, TLS.encode()) + field(2, struct.SerializeToString())
    return socket(f"{PREFIX}xds.type.v3.TypedStruct", value)


def both(type_url: TypeUrl, name: str, version: str = "1") -> bytes:
    """Encode a resource of delta with nothing but a name."""
    return resource(name, type_url, named(name), version)


def clusters(*names: str) -> list[bytes]:
    """Encode clusters of delta."""
    return [resource(name, CDS, cluster(name)) for name in names]


DELTA: Final = [
    delta(CDS, "first in part", *clusters("a"), resource("bad", CDS, BAD_CLUSTER)),
    delta(CDS, "twice", *clusters("x", "x")),
    delta(CDS, "warm", *clusters("b")),
    delta(EDS, "of one", both(EDS, "a")),
    delta(EDS, "of both", both(EDS, "b")),
    delta(CDS, "unreadable", *clusters("x"), resource("y", CDS, b"\xff\xff\xff")),
    delta(CDS, "nameless", *clusters("x"), resource("y", CDS, cluster(""))),
    delta(CDS, "other type", *clusters("x"), resource("y", LDS, named("y"))),
    delta(CDS, "both", *clusters("x"), removed=("x",)),
    delta(CDS, "removed twice", *clusters("x"), removed=("y", "y")),
    delta(CDS, "heartbeat", resource("b", CDS, None, more=TTL)),
    delta(CDS, "heartbeat, no time", resource("b", CDS, None)),
    delta(CDS, "heartbeat, other version", resource("b", CDS, None, "2", TTL)),
    delta(CDS, "heartbeat, unknown", resource("z", CDS, None, more=TTL)),
    delta(CDS, "heartbeat, used but refused", resource("a", CDS, None, more=TTL)),
    delta(CDS, "other name", resource("c", CDS, cluster("d", eds=False))),
    delta(CDS, "held in part", *clusters("e"), resource("bad", CDS, BAD_CLUSTER), removed=("a",)),
    delta(CDS, "held", *clusters("x", "x")),
    delta(EDS, "held no more", both(EDS, "e")),
    delta(CDS, "held again", *clusters("f")),
    delta(EDS, "twice", both(EDS, "f"), both(EDS, "f")),
    delta(EDS, "heartbeat", resource("e", EDS, None, more=TTL)),
    delta(LDS, "in part", resource("good", LDS, listener("good", manager("80"))),
          resource("bad", LDS, BAD_LISTENER)),
    delta(RDS, "twice", both(RDS, "80"), both(RDS, "80")),
    delta(RDS, "not asked for", both(RDS, "81")),
    delta(RDS, "heartbeat, unknown", resource("82", RDS, None, more=TTL)),
]  # fmt: skip

SECRETS: Final = [
    delta(CDS, "secrets",
          resource("s1", CDS, cluster("s1", tls("plain"), eds=False)),
          resource("s2", CDS, cluster("s2", behind_proxy_protocol(tls("deep")), eds=False)),
          resource("s3", CDS, cluster("s3", typed_struct("json"), eds=False)),
          resource("s4", CDS, cluster("s4", tls("default"), eds=False))),
    delta(CDS, "secrets of none", removed=("s2", "s3")),
]  # fmt: skip

SOTW: Final = [
    sotw(CDS, "first in part", cluster("a"), BAD_CLUSTER),
    sotw(CDS, "unreadable", cluster("x"), b"\xff\xff\xff"),
    sotw(CDS, "warm", cluster("a"), cluster("b")),
    sotw(EDS, "of one", named("a")),
    sotw(EDS, "of both", named("b")),
    sotw(CDS, "twice", cluster("a"), cluster("b"), cluster("b")),
    sotw(CDS, "nameless", cluster("a"), cluster("")),
    sotw(EDS, "twice", named("a"), named("a"), named("b")),
    sotw(CDS, "wrapped", any_of(WRAPPER, resource("a", CDS, cluster("a"), more=TTL)), cluster("b")),
    sotw(CDS, "held", cluster("a"), cluster("b"), cluster("c")),
    sotw(CDS, "held, unreadable", b"\xff\xff\xff"),
    sotw(EDS, "held no more", named("c")),
    sotw(LDS, "good", listener("one", manager("80")), listener("two", manager("81"), 81)),
    sotw(LDS, "twice", *[listener("one", manager("80"))] * 2, listener("two", manager("81"), 81)),
    sotw(RDS, "twice", named("80"), named("80"), named("81")),
    sotw(CDS, "other version", any_of(WRAPPER, resource("a", CDS, None, more=TTL)), cluster("b")),
    sotw(
        *(CDS, "heartbeat", any_of(WRAPPER, resource("a", CDS, None, more=TTL)), cluster("b")),
        version="other version",
    ),
]


class RealEnvoy:
    """A real Envoy on a scripted control plane.

    Args:
        requests: Its requests as they come.
        responses: Takes responses.
    """

    def __init__(self, requests: queue.Queue[bytes], responses: IO[str]) -> None:
        self._requests = requests
        self._responses = responses

    def hear(self, *, first: bool = False) -> list[bytes]:
        """Return what it says until it is quiet."""
        heard = [self._requests.get(timeout=20)] if first else []
        with contextlib.suppress(queue.Empty):
            while True:
                heard.append(self._requests.get(timeout=QUIET))
        return heard

    def send(self, response: bytes) -> None:
        """Send it a response."""
        self._responses.write(b64encode(response).decode() + "\n")
        self._responses.flush()


@contextlib.contextmanager
def run_envoy(folder: Path, *, delta: bool) -> Iterator[RealEnvoy]:
    """Run Envoy on a scripted control plane until the context is left."""
    program = envoy()
    pipe = subprocess.PIPE
    with contextlib.ExitStack() as ended:
        script = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.scripted"], stdin=pipe, stdout=pipe, text=True
        )
        ended.enter_context(script)
        ended.callback(script.kill)
        assert script.stdin is not None
        assert script.stdout is not None
        output, requests = script.stdout, queue.Queue[bytes]()
        config = folder / "envoy.json"
        config.write_text(json.dumps(bootstrap(int(output.readline()), delta=delta)))

        def read() -> None:
            for line in output:
                requests.put(b64decode(line))

        threading.Thread(target=read, daemon=True).start()
        with (folder / "envoy.log").open("wb") as log:
            options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error")
            process = subprocess.Popen([program, "-c", config, *options], stdout=log, stderr=log)
        ended.enter_context(process)
        ended.callback(process.kill)
        yield RealEnvoy(requests, script.stdin)


def bootstrap(port: int, *, delta: bool) -> dict[str, Any]:
    """Return a bootstrap with nothing but a control plane."""
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    control_plane = {
        "name": "xds-grpc",
        "type": "STATIC",
        "typed_extension_protocol_options": {
            options: {
                "@type": PREFIX + options,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": "xds-grpc",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    ads = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    return {
        "node": {"id": "envoy", "cluster": "envoy"},
        "dynamic_resources": {
            "cds_config": ads,
            "lds_config": ads,
            "ads_config": {
                "api_type": "DELTA_GRPC" if delta else "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
            },
        },
        "static_resources": {"clusters": [control_plane]},
    }


def said_in_delta(requests: list[bytes]) -> tuple[Said, dict[tuple[str, str], str]]:
    """Return what requests say, however many they are, and the errors of answers."""
    said: Said = Counter()
    errors = {}
    for one in map(discovery_pb2.DeltaDiscoveryRequest.FromString, requests):
        kind = short(one.type_url)
        said.update((kind, "subscribe", name) for name in one.resource_names_subscribe)
        said.update((kind, "unsubscribe", name) for name in one.resource_names_unsubscribe)
        if one.response_nonce:
            said[kind, "answer", one.response_nonce] += 1
            errors[kind, one.response_nonce] = one.error_detail.message
        elif not one.resource_names_subscribe and not one.resource_names_unsubscribe:
            said[kind, "all"] += 1
    return said, errors


def said_in_sotw(requests: list[bytes]) -> tuple[Said, dict[tuple[str, str], str]]:
    """Return what requests say: of each type the names of the last, and the errors of answers."""
    said: dict[str, tuple[str, ...]] = {}
    errors = {}
    for one in map(discovery_pb2.DiscoveryRequest.FromString, requests):
        kind = short(one.type_url)
        said[kind] = (kind, one.version_info, one.response_nonce, *sorted(one.resource_names))
        errors[kind, one.response_nonce] = one.error_detail.message
    return Counter(said.values()), errors


@pytest.mark.parametrize(
    ("kind", "responses", "read"),
    [(Delta, DELTA, said_in_delta), (Sotw, SOTW, said_in_sotw)],
    ids=["delta", "SotW"],
)
def test_pyload_says_what_a_real_envoy_says(
    kind: type[Delta | Sotw],
    responses: list[bytes],
    read: Callable[[list[bytes]], tuple[Said, dict[tuple[str, str], str]]],
    tmp_path: Path,
) -> None:
    """A control plane that Envoys refuse would look well in a test, or the other way round."""
    ours = kind()
    differences = []
    with run_envoy(tmp_path, delta=kind is Delta) as theirs:
        requests = theirs.hear(first=True)
        assert read(requests)[0] == read(ours.start(NODE_BYTES))[0]
        for response in responses:
            theirs.send(response)
            heard = theirs.hear()
            said, errors = read(ours.receive(Message(response)).send)
            expected, faults = read(heard)
            if said != expected or not all(
                error in faults[key] and bool(error) == bool(faults[key])
                for key, error in errors.items()
            ):
                differences.append((said, errors, expected, faults))

    assert not differences


def test_pyload_asks_for_the_secrets_that_a_real_envoy_asks_for(tmp_path: Path) -> None:
    """Requests for secrets would be missing, or too many of them be waited for for ever.

    Only for these: Envoy also waits for the secrets of clusters before it goes on.
    """
    ours = Delta()
    ours.start(NODE_BYTES)
    with run_envoy(tmp_path, delta=True) as theirs:
        theirs.hear(first=True)
        for response in SECRETS:
            theirs.send(response)
            answers = (theirs.hear(), ours.receive(Message(response)).send)
            expected, said = (
                {one for one in said_in_delta(each)[0] if one[0] == "sds"} for each in answers
            )
            assert said == expected
            assert said
