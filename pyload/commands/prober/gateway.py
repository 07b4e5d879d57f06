"""The gateway whose routes are measured: its address, and requests to it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from pyload.errors import NotFound, UsageError
from pyload.kube.resources import SERVICES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pyload.kube.client import Client

ASK_SECONDS: Final = 1.0
"""Seconds that the gateway may take to answer a request."""


async def find_ingress(client: Client) -> str:
    """Return the address of Istio's ingress gateway, as its service in the cluster has it.

    Raises:
        UsageError: The service does not exist, or has no address.
    """
    with contextlib.suppress(NotFound):
        service = await client.get(SERVICES.path("istio-system", "istio-ingressgateway"))
        status = (service.get("status") or {}).get("loadBalancer") or {}
        for ingress in status.get("ingress") or ():
            address = ingress.get("ip") or ingress.get("hostname")
            if address:
                return f"[{address}]:80" if ":" in address else f"{address}:80"
    raise UsageError(
        "the service istio-system/istio-ingressgateway has no address",
        fix="give --gateway-address HOST:PORT, such as that of a port-forward",
    )


@contextlib.asynccontextmanager
async def connect_gateway(address: str) -> AsyncIterator[Callable[[str], Awaitable[int | None]]]:
    """Provide a function that asks a gateway for a host while the context lasts."""
    import aiohttp  # noqa: PLC0415 - slow to import

    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def ask(host: str) -> int | None:
            headers = {"Host": host}
            try:
                async with session.get(
                    f"http://{address}/", headers=headers, allow_redirects=False
                ) as answer:
                    return answer.status
            except (aiohttp.ClientError, OSError, TimeoutError):
                return None

        yield ask
