"""The proxies that the benchmark runs."""

from __future__ import annotations

import functools
from typing import Final

from pyload.proxies.spec import ProxySpec

NAMESPACES: Final = 20
PODS_PER_ACCOUNT: Final = 100
_TOKEN_BYTES: Final = 1_000


def proxies(count: int, first: int = 0) -> list[ProxySpec]:
    """Return a number of sidecars, spread over namespaces and service accounts."""
    return [_proxy(number) for number in range(first, first + count)]


def _proxy(number: int) -> ProxySpec:
    account = f"app-{number // PODS_PER_ACCOUNT}"
    return ProxySpec(
        key=f"{number:08}",
        type="sidecar",
        ip=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        name=f"{account}-5d4f8b7c9-{number:05}",
        namespace=f"mesh-{number // PODS_PER_ACCOUNT % NAMESPACES}",
        service_account=account,
        labels=_labels(account),
        own=(("NODE_NAME", f"node-{number % 1000}"),),
        workload=account,
        locality="region/zone",
    )


@functools.cache
def _labels(account: str) -> dict[str, str]:
    """Return the labels of a workload's pods, which share the object as in a run."""
    return {
        "app": account,
        "security.istio.io/tlsMode": "istio",
        "service.istio.io/canonical-name": account,
    }


def token(spec: ProxySpec) -> str:
    """Return a token as long as a service account's in Kubernetes; nothing verifies it."""
    return token_of(spec.namespace, spec.service_account)


@functools.cache
def token_of(namespace: str, service_account: str) -> str:
    """Return the token of a service account."""
    return f"{namespace}.{service_account}.".ljust(_TOKEN_BYTES, "A")
