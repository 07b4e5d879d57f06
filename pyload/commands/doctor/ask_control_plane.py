"""Connects to a control plane as sidecars do, for as long as their first responses take."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Final

from pyload.commands.doctor.control_plane import STREAMS
from pyload.commands.doctor.greeting import Greeting, Refusal, read_greeting
from pyload.errors import CertificateError, PyloadError, RemoteProtocolError
from pyload.proxies.identity import node_of
from pyload.proxies.spec import ProxySpec
from pyload.tasks import clock
from pyload.xds import requests
from pyload.xds.credentials import Principal
from pyload.xds.node import SIDECAR
from pyload.xds.transport import DELTA_METHOD, SOTW_METHOD
from pyload.xds.types import CDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.proxies.identity import NodeOptions
    from pyload.xds.client import Channel
    from pyload.xds.messages import Message
    from pyload.xds.transport import Status, Stream

SECONDS: Final = 10.0
"""How long the first response may take."""
_NAMESPACE: Final = "default"
_CLUSTER: Final = "Kubernetes"


async def greet(
    resolver: Callable[[Principal], Channel | Awaitable[Channel]],
    *,
    delta: bool,
    node: NodeOptions,
) -> Greeting | Refusal:
    """Return the first response that a sidecar gets, or why it gets none."""
    try:
        async with asyncio.timeout(SECONDS):
            channel = await _channel(resolver)
    except TimeoutError:
        return Refusal("TOKEN", f"no answer in {SECONDS:g} s")
    except CertificateError as error:
        return Refusal("CERTIFICATE", error.what)
    except PyloadError as error:
        return Refusal("TOKEN", error.what)
    return await _first(channel, 0, delta=delta, node=node)


async def spread(
    resolver: Callable[[Principal], Channel | Awaitable[Channel]],
    *,
    delta: bool,
    node: NodeOptions,
) -> float | None:
    """Return how far apart the first responses are of `STREAMS` sidecars that connect at once.

    Returns:
        Seconds; None if not all were served.
    """
    channels = [await _channel(resolver) for _ in range(STREAMS)]
    answers = await asyncio.gather(
        *(
            _first(channel, 1 + number, delta=delta, node=node)
            for number, channel in enumerate(channels)
        )
    )
    seconds = [one.seconds for one in answers if isinstance(one, Greeting)]
    return max(seconds) - min(seconds) if len(seconds) == STREAMS else None


async def _channel(resolver: Callable[[Principal], Channel | Awaitable[Channel]]) -> Channel:
    found = resolver(Principal(_NAMESPACE, "default", _CLUSTER))
    return await found if inspect.isawaitable(found) else found


async def _first(
    channel: Channel, number: int, *, delta: bool, node: NodeOptions
) -> Greeting | Refusal:
    name = f"pyload-doctor-{number}"
    # An address for documentation: no pod has it.
    ip = f"192.0.2.{number + 1}"
    spec = ProxySpec(key=name, type=SIDECAR, ip=ip, name=name, namespace=_NAMESPACE)
    type_ = requests.delta_type(CDS) if delta else requests.sotw_type(CDS)
    hello = _Hello(requests.with_node(type_, node_of(spec, node), delta=delta), delta=delta)
    hello.stream = channel.transport.open(
        DELTA_METHOD if delta else SOTW_METHOD, metadata=channel.metadata, sink=hello
    )
    try:
        async with asyncio.timeout(SECONDS):
            return await hello.answer
    except TimeoutError:
        return Refusal("SILENCE", f"no response in {SECONDS:g} s")
    except RemoteProtocolError as error:
        return Refusal("PROTOCOL", error.what)
    finally:
        hello.stream.close()


class _Hello:
    """The receiving side of a stream of one request and one response.

    Args:
        request: The request.
        delta: Whether it is of delta xDS.
    """

    def __init__(self, request: bytes, *, delta: bool) -> None:
        self._request = request
        self._delta = delta
        self._now = clock()
        self._began = self._now()
        self.stream: Stream | None = None
        self.answer: asyncio.Future[Greeting | Refusal] = asyncio.Future()

    def opened(self) -> None:
        """Send the request."""
        assert self.stream is not None, "a transport calls nothing before it has returned"
        self.stream.send(self._request)

    def message(self, message: Message) -> None:
        """Keep the first response."""
        if not self.answer.done():
            seconds = self._now() - self._began
            self.answer.set_result(
                read_greeting(message.whole(), delta=self._delta, seconds=seconds)
            )

    def closed(self, status: Status) -> None:
        """Keep why there was no response."""
        if not self.answer.done():
            self.answer.set_result(Refusal(status.name, status.message))
