"""The table of names for agents that answer DNS queries themselves.

The message is ``istio.networking.nds.v1.NameTable``, which envoy-data-plane does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.embedded.controlplane.resource_batch import ResourceBatch
from pyload.embedded.controlplane.wire import any_of, field
from pyload.xds.types import NDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.embedded.controlplane.model import Service


def name_table(services: Iterable[Service]) -> ResourceBatch:
    """Encode the names of all services that have an address, as one resource without a name."""
    table = b"".join(
        field(1, field(1, service.host.encode()) + field(2, _info(service)))
        for service in services
        if service.ip
    )
    return ResourceBatch({"": any_of(NDS, table)})


def _info(service: Service) -> bytes:
    registry = b"External" if "/" in service.key.name else b"Kubernetes"
    return (
        field(1, service.ip.encode())
        + field(2, registry)
        + field(3, service.name.encode())
        + field(4, service.key.namespace.encode())
    )
