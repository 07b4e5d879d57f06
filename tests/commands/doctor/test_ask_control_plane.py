"""A sidecar that asks once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.commands.doctor.ask_control_plane import greet, spread
from pyload.commands.doctor.greeting import Greeting, Refusal
from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.errors import CertificateError
from pyload.kube.client import Client
from pyload.kube.tokens import Tokens
from pyload.proxies.identity import NodeOptions
from pyload.tasks import Supervisor
from pyload.xds.transport import Status
from tests.commands.doctor.denying import Denying
from tests.proxies.resolvers import resolver_of

if TYPE_CHECKING:
    from pyload.xds.client import Channel
    from pyload.xds.credentials import Principal
    from pyload.xds.transport import Metadata, Sink

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


class Silent:
    """A transport whose streams open, and then bring nothing or end."""

    def __init__(self, status: Status | None = None) -> None:
        self._status = status

    def open(self, method: str, *, metadata: Metadata, sink: Sink) -> Silent:
        """Open a stream that is its own transport."""
        if self._status is not None:
            sink.closed(self._status)
        return self

    def send(self, message: bytes) -> None:
        """Send into the void."""

    def close(self, status: Status | None = None) -> None:
        """Close what is not there."""

    def pause(self) -> None:
        """Pause."""

    def resume(self) -> None:
        """Resume."""

    async def aclose(self) -> None:
        """Close nothing."""


@pytest.mark.parametrize("delta", [True, False])
async def test_a_control_plane_serves_a_sidecar(delta: bool) -> None:  # noqa: FBT001
    """And several at once, as many as show whether they are held back."""
    plane = ControlPlane(Client(ApiServer().transport()))
    resolver = resolver_of(plane.transport())
    async with Supervisor() as background:
        background.spawn(plane.run(), name="control-plane")
        first = await greet(resolver, delta=delta, node=NodeOptions(metadata={"A": "b"}))
        apart = await spread(resolver, delta=delta, node=NodeOptions())

    assert isinstance(first, Greeting)
    assert first.resources > 0
    assert apart is not None


async def test_a_control_plane_that_refuses_the_token() -> None:
    """Its own status is what the fix follows from."""
    server = ApiServer()
    plane = ControlPlane(Client(server.transport()))

    async def junk() -> str:
        return "junk"

    resolver = resolver_of(
        plane.transport(tokens=True), auth="jwt", tokens=lambda _namespace, _account: junk()
    )
    async with Supervisor() as background:
        background.spawn(plane.run(), name="control-plane")
        refusal = await greet(resolver, delta=True, node=NodeOptions())

    assert isinstance(refusal, Refusal)
    assert refusal.status == "UNAUTHENTICATED"


async def test_an_account_that_may_ask_for_no_token() -> None:
    """The control plane is not to blame."""
    client = Client(Denying(ApiServer().transport(), ("create", "serviceaccounts/token")))
    resolver = resolver_of(Silent(), auth="jwt", tokens=Tokens(client))
    refusal = await greet(resolver, delta=True, node=NodeOptions())

    assert isinstance(refusal, Refusal)
    assert (refusal.status, "403" in refusal.message) == ("TOKEN", True)


async def test_a_ca_that_signs_nothing() -> None:
    """A token would do, and so the fix is another."""

    async def unsigned(_: Principal) -> Channel:
        raise CertificateError("the CA is away")

    refusal = await greet(unsigned, delta=True, node=NodeOptions())

    assert refusal == Refusal("CERTIFICATE", "the CA is away")


async def test_a_control_plane_that_says_nothing() -> None:
    """The doctor would wait for ever."""
    assert await greet(resolver_of(Silent()), delta=True, node=NodeOptions()) == Refusal(
        "SILENCE", "no response in 10 s"
    )
    busy = resolver_of(Silent(Status(8, "RESOURCE_EXHAUSTED", "slow down")))
    assert await greet(busy, delta=True, node=NodeOptions()) == Refusal(
        "RESOURCE_EXHAUSTED", "slow down"
    )
    assert await spread(busy, delta=True, node=NodeOptions()) is None
