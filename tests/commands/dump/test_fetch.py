"""What one proxy is sent, and when it has everything."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pyload.commands.dump.fetch import QUIET_SECONDS, Fetched, fetch
from pyload.errors import PyloadError
from pyload.harness.servers import Servers
from pyload.proxies.spec import ProxySpec
from pyload.xds.resources import name_of
from pyload.xds.transport import Status
from pyload.xds.types import CDS, ECDS, EDS, LDS, RDS, Push, TypeUrl, short
from tests.proxies.resolvers import resolver_of
from tests.xds.messages import Request, cluster, delta_response, listener, named
from tests.xds.peer import GONE, MemoryStream, Peer

if TYPE_CHECKING:
    from pyload.xds.transport import Metadata, Sink


def a_push(type_url: TypeUrl, *bodies: bytes, removed: tuple[str, ...] = ()) -> Push:
    """Build a response with its resources."""
    return Push(
        type_url=type_url,
        size=0,
        resources=len(bodies),
        removed=len(removed),
        nonce="n",
        version="v",
        names=tuple(map(name_of, bodies)),
        removed_names=removed,
        bodies=bodies,
    )


def test_a_partial_response_loses_nothing() -> None:
    """Istiod sends the endpoints of one changed cluster alone; pilot-load forgot the others."""
    fetched = Fetched(delta=False)
    fetched.on_push(a_push(EDS, named(EDS, "a"), named(EDS, "b")))
    fetched.on_push(a_push(EDS, named(EDS, "b")))
    fetched.on_push(a_push(LDS, named(LDS, "x"), named(LDS, "y")))
    fetched.on_push(a_push(LDS, named(LDS, "y")))

    assert set(fetched.resources[EDS]) == {"a", "b"}
    assert set(fetched.resources[LDS]) == {"y"}


def test_delta_removes_what_it_says() -> None:
    """A resource that is gone must not be dumped."""
    fetched = Fetched(delta=True)
    fetched.on_push(a_push(CDS, named(CDS, "a"), named(CDS, "b")))
    fetched.on_push(a_push(CDS, named(CDS, "c"), removed=("a",)))

    assert set(fetched.resources[CDS]) == {"b", "c"}


def test_what_nothing_refers_to_any_more_is_forgotten() -> None:
    """Endpoints of a cluster that went while it was fetched would make the dump look stale."""
    fetched = Fetched(delta=True)
    fetched.on_push(a_push(CDS, cluster("a"), cluster("b")))
    fetched.on_push(a_push(LDS, listener("l", routes=["80"], extensions=["wasm"])))
    assert fetched.missing() == {EDS: ["a", "b"], RDS: ["80"], ECDS: ["wasm"]}

    fetched.on_push(a_push(EDS, named(EDS, "a"), named(EDS, "b")))
    fetched.on_push(a_push(CDS, removed=("b",)))
    assert fetched.missing() == {RDS: ["80"], ECDS: ["wasm"]}
    fetched.prune()
    assert set(fetched.resources[EDS]) == {"a"}


def test_a_response_that_cannot_be_read_changes_nothing() -> None:
    """Its resources are not known, and those from before may be what the proxy goes on with."""
    fetched = Fetched(delta=False)
    fetched.on_push(a_push(CDS, cluster("a")))
    fetched.on_push(replace(a_push(CDS), error="truncated"))

    assert set(fetched.resources[CDS]) == {"a"}
    assert fetched.refused == ["cds: truncated"]


SPEC = ProxySpec(key="p", type="sidecar", ip="10.0.0.1", name="p", namespace="mesh")


async def fetch_from(peer: Peer, *, delta: bool = True) -> Fetched:
    """Fetch the configuration that a control plane in memory has for a proxy."""
    return await fetch(SPEC, Servers(None, "memory", resolver_of(peer)), delta=delta)


@pytest.mark.anyio
@pytest.mark.virtual
@pytest.mark.parametrize("delta", [False, True])
async def test_the_stream_is_closed_as_soon_as_everything_has_come(*, delta: bool) -> None:
    """A dump over a slow link takes as long as it has to, and leaves no stream with istiod."""
    peer = Peer()
    fetched = await fetch_from(peer, delta=delta)

    assert {short(url): set(found) for url, found in fetched.resources.items()} == {
        "cds": {"a"},
        "eds": {"a"},
        "lds": {"l"},
        "rds": {"80"},
    }
    assert asyncio.get_running_loop().time() < QUIET_SECONDS
    [stream] = peer.streams
    assert stream.closed


class Forgetful(Peer):
    """A control plane that knows no endpoints of its cluster, and says so."""

    def open(self, method: str, *, metadata: Metadata, sink: Sink) -> MemoryStream:
        """Open a stream on which requests for endpoints are answered without any."""
        stream = super().open(method, metadata=metadata, sink=sink)
        answer = stream._answer

        def forget(request: Request) -> None:
            if request.type == "eds":
                stream.push(delta_response(EDS, nonce="none"))
            else:
                answer(request)

        stream._answer = forget  # type: ignore[method-assign]
        return stream


@pytest.mark.anyio
@pytest.mark.virtual
async def test_a_name_that_the_control_plane_does_not_know_is_waited_for_a_second_at_a_time() -> (
    None
):
    """One such cluster is in many meshes, and every dump would end with a timeout."""
    fetched = await fetch_from(Forgetful())

    assert fetched.missing() == {EDS: ["a"]}
    assert set(fetched.resources[LDS]) == {"l"}
    assert set(fetched.resources[RDS]) == {"80"}
    # One second until it asks for listeners all the same, and another after the routes.
    assert asyncio.get_running_loop().time() == pytest.approx(2 * QUIET_SECONDS, abs=0.1)


@pytest.mark.anyio
@pytest.mark.virtual
@pytest.mark.parametrize(
    ("name", "status", "fix"),
    [
        ("open", GONE, "--pilot-address"),
        ("send", Status(16, "UNAUTHENTICATED", "no token"), "knows the cluster of the kubeconfig"),
        ("deliver", GONE, ""),
    ],
)
async def test_a_stream_that_ends_is_an_error_and_not_another_try(
    name: str, status: Status, fix: str
) -> None:
    """With the wrong --auth a dump would try for ever, as the proxies of a run do."""
    peer = Peer(lambda _, operation: status if operation == name else None)
    with pytest.raises(PyloadError, match="ADS connection: ") as raised:
        await fetch_from(peer)

    assert fix in raised.value.fix
    assert peer.dials == 1
