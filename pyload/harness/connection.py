"""What the user said about the API server and the control plane, and whether they are there."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.errors import ApiError, ControlPlaneUnreachable, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyload.kube.client import Client
    from pyload.proxies.identity import NodeOptions
    from pyload.xds.credentials import Auth

_DIAL_SECONDS = 5.0

PILOT_LOAD_VERSION: Final = "1.24.0-pilot-load"
"""The version of Istio that pilot-load's proxies claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The flags about the servers.

    Attributes:
        pilot_address: ``HOST:PORT`` of the xDS server.
        auth: ``plaintext``, ``jwt``, ``plaintext-jwt``, ``mtls``, or empty to infer it from the
            port.
        ca_file: File with the certificates by which the control plane is verified; empty for those
            that istiod publishes in the cluster.
        insecure: Do not verify the control plane.
        ca_address: ``HOST:PORT`` of the CA for ``mtls``; empty for the control plane itself.
        csr_per_pod: For ``mtls``, a certificate for each proxy instead of each service account.
        transport: What carries the streams, ``lean`` or ``grpc``.
        kubeconfig: Path of a kubeconfig, or empty for the usual places.
        context: Context of the kubeconfig, or empty for its current one.
        as_user: The user to impersonate at the API server, or empty for none.
        as_groups: The groups to impersonate.
        qps: Requests per second to the API server.
        metadata: Node metadata that wins over every proxy's own.
        node: ``full`` for nodes as real proxies send them, ``bare`` for little but the id.
        istio_version: Version of Istio that every proxy claims; empty for that of its pod, or else
            of the control plane.
        assumed_version: Version that it claims instead of the control plane's; empty for none.
        delta: Delta xDS instead of state of the world.
        metrics_addr: Address of the metrics server, such as ``:8765``; empty for none.
        istiod_metrics: URLs of istiod's metrics, separated by commas; ``auto`` to look for them;
            empty or ``none`` for none.
    """

    pilot_address: str = "localhost:15010"
    auth: str = ""
    ca_file: str = ""
    insecure: bool = False
    ca_address: str = ""
    csr_per_pod: bool = False
    transport: str = "lean"
    kubeconfig: str = ""
    context: str = ""
    as_user: str = ""
    as_groups: Sequence[str] = ()
    qps: float = 100_000
    metadata: Mapping[str, str] = field(default_factory=dict)
    node: str = "full"
    istio_version: str = ""
    assumed_version: str = ""
    delta: bool = True
    metrics_addr: str = ""
    istiod_metrics: str = ""

    def node_options(self, metadata: Mapping[str, str] | None = None) -> NodeOptions:
        """Return how the nodes of proxies look.

        Args:
            metadata: Metadata to win over theirs in place of `metadata`; None for that.
        """
        from pyload.proxies.identity import NodeOptions  # noqa: PLC0415 - fast help

        return NodeOptions(
            full=self.node == "full",
            istio_version=self.istio_version,
            assumed_version=self.assumed_version,
            metadata=dict(self.metadata if metadata is None else metadata),
        )

    def check(self) -> Auth:
        """Check the flags together, and return the authentication at `pilot_address`.

        Raises:
            UsageError: They make no sense.
        """
        from pyload.harness.istiod_sources import check_flag  # noqa: PLC0415 - fast help
        from pyload.xds.credentials import infer, uses_certificate  # noqa: PLC0415 - fast help

        auth = infer(self.auth, self.pilot_address)
        check_flag(self.istiod_metrics)
        for flag, address in (
            ("--pilot-address", self.pilot_address),
            ("--ca-address", self.ca_address),
        ):
            try:
                if address:
                    split_address(address)
            except UsageError as error:
                raise error.during(flag) from None
        if self.transport not in ("lean", "grpc"):
            raise UsageError(
                f"--transport {self.transport} is not supported", fix="choose lean or grpc"
            )
        if self.node not in ("full", "bare"):
            raise UsageError(f"--node {self.node} is not supported", fix="choose full or bare")
        if self.ca_file and self.insecure:
            raise UsageError("--ca-file and --insecure contradict each other", fix="give one")
        if not uses_certificate(auth):
            for flag, given in (
                ("--csr-per-pod", self.csr_per_pod),
                ("--ca-address", self.ca_address),
            ):
                if given:
                    raise UsageError(f"{flag} is for --auth mtls", fix="add --auth mtls")
        return auth


def split_address(address: str) -> tuple[str, int]:
    """Split ``HOST:PORT`` or ``[IPV6]:PORT``.

    Raises:
        UsageError: It is not such an address.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(
            f"{address!r} is not an address", fix="write HOST:PORT, such as localhost:15010"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


async def check_api_server(client: Client) -> None:
    """Check that the API server answers and knows the account, before anything is created.

    Raises:
        ClusterUnreachable: Nothing answers there.
        Forbidden: The credentials are not accepted.
    """
    try:
        await client.get("/version")
    except ApiError as error:
        # Whether the account may see the version says nothing of what it may do.
        if error.status == 401:
            raise


async def check_control_plane(address: str) -> None:
    """Check that something listens at the xDS address, before anything is created.

    Raises:
        ControlPlaneUnreachable: Nothing answers there.
        UsageError: The address is not one.
    """
    from pyload.xds.tcp import dial  # noqa: PLC0415 - fast help

    host, port = split_address(address)
    try:
        async with asyncio.timeout(_DIAL_SECONDS):
            _, writer = await asyncio.open_connection(sock=await dial((host, port)))
    except (OSError, TimeoutError) as error:
        raise cannot_reach(address, error) from error
    writer.close()
    # The peer may reset a connection that says nothing.
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def cannot_reach(address: str, error: OSError) -> ControlPlaneUnreachable:
    """Return the error of a control plane that could not be dialled; a TimeoutError means 5 s."""
    reason = "no answer in 5 s" if isinstance(error, TimeoutError) else _plain(error)
    return ControlPlaneUnreachable(
        f"cannot reach the control plane at {address}: {reason}",
        fix=(
            "check --pilot-address (for a cluster, try "
            "`kubectl -n istio-system port-forward deploy/istiod 15010`)"
        ),
    )


def _plain(error: OSError) -> str:
    # asyncio reports several tried addresses as one OSError that has only a text.
    if error.errno == errno.ECONNREFUSED or f"[Errno {errno.ECONNREFUSED}]" in str(error):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return "no such host"
    return error.strerror or str(error)
