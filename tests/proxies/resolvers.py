"""Resolvers of channels whose streams a test's own transport opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.proxies.channels import ChannelResolver, TransportCache
from pyload.proxies.targets import TargetResolver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.xds.transport import Transport


def resolver_of(
    transport: Transport,
    *,
    auth: str = "plaintext",
    tokens: Callable[[str, str], str | Awaitable[str]] | None = None,
) -> ChannelResolver:
    """Resolve every proxy to the same transport."""
    return ChannelResolver(
        TargetResolver(address="memory", auth=auth, tokens=tokens),
        TransportCache(lambda _address, _tls: transport),
    )
