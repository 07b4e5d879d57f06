"""envoy-data-plane, imported late, and pieces that several kinds of resource have in common.

Importing that library takes most of a second and building one message milliseconds, so both
happen late and once: what many resources share becomes a `MessageTemplate`.
"""

from __future__ import annotations

import functools
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pyload.xds.types import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

ISTIO_ALPN: Final = ("istio-peer-exchange", "istio")


class EnvoyModules:
    """The modules of envoy-data-plane; importing them takes about 0.7 s of CPU."""

    def __init__(self) -> None:
        from pyload.embedded.controlplane.unvalidated import (  # noqa: PLC0415 - imports pydantic
            UnvalidatedModule,
        )

        def load(name: str) -> Any:
            return UnvalidatedModule(import_module(f"envoy_data_plane.{name}"))

        self.cluster = load("envoy.config.cluster.v3")
        self.core = load("envoy.config.core.v3")
        self.endpoint = load("envoy.config.endpoint.v3")
        self.listener = load("envoy.config.listener.v3")
        self.route = load("envoy.config.route.v3")
        self.filter_state = load("envoy.extensions.filters.common.set_filter_state.v3")
        self.hcm = load("envoy.extensions.filters.network.http_connection_manager.v3")
        self.tcp_proxy = load("envoy.extensions.filters.network.tcp_proxy.v3")
        self.tls = load("envoy.extensions.transport_sockets.tls.v3")
        self.http = load("envoy.extensions.upstreams.http.v3")
        self.internal = load("envoy.extensions.transport_sockets.internal_upstream.v3")
        self.metadata = load("envoy.type.metadata.v3")
        self.type = load("envoy.type.v3")
        self.protobuf = load("google.protobuf")

    def any(self, name: str, message: Any = b"") -> Any:
        """Wrap a message, by default an empty one, in an ``Any``."""
        return self.protobuf.Any(type_url=PREFIX + name, value=bytes(message))


def loaded() -> bool:
    """Return whether the modules have been imported."""
    return envoy.cache_info().currsize > 0


@functools.cache
def envoy() -> EnvoyModules:
    """Import envoy-data-plane, once."""
    return EnvoyModules()


def from_ads() -> Any:
    """Build the ``ConfigSource`` of resources that come over the same stream."""
    core = envoy().core
    return core.ConfigSource(
        ads=core.AggregatedConfigSource(),
        initial_fetch_timeout=timedelta(),
        resource_api_version=core.ApiVersion.V3,
    )


def address(ip: str, port: int) -> Any:
    """Build an address."""
    core = envoy().core
    return core.Address(socket_address=core.SocketAddress(address=ip, port_value=port))


def text(text: str) -> Any:
    """Wrap a string for a Struct."""
    return envoy().protobuf.Value(string_value=text)


def struct(**fields: Any) -> Any:
    """Build a Struct."""
    return envoy().protobuf.Struct(fields=fields)


def transport_socket(name: str, type_: str, message: Any = b"") -> Any:
    """Build a transport socket of an extension's type."""
    lib = envoy()
    return lib.core.TransportSocket(name=name, typed_config=lib.any(type_, message))


def tls_context(*, alpn: tuple[str, ...] = ISTIO_ALPN) -> Any:
    """Build what both ends of Istio's mutual TLS share: certificates come from the agent."""
    core = envoy().core
    # Istio's agent serves these two on the proxy's own socket; istiod is never asked.
    agent = core.ConfigSource(
        api_config_source=core.ApiConfigSource(
            api_type=core.ApiConfigSourceApiType.GRPC,
            grpc_services=[
                core.GrpcService(envoy_grpc=core.GrpcServiceEnvoyGrpc(cluster_name="sds-grpc"))
            ],
            transport_api_version=core.ApiVersion.V3,
        ),
        initial_fetch_timeout=timedelta(),
        resource_api_version=core.ApiVersion.V3,
    )
    return common_tls(alpn, agent, "default", "ROOTCA")


def common_tls(alpn: Iterable[str], source: Any, certificate: str, authority: str) -> Any:
    """Build the part of a TLS context that clients and servers have in common.

    Args:
        alpn: Application protocols.
        source: The ``ConfigSource`` of the secrets.
        certificate: Name of the secret with the own certificate.
        authority: Name of the secret with the authority of the other end; empty for any.
    """
    tls = envoy().tls

    def secret(name: str) -> Any:
        return tls.SdsSecretConfig(name=name, sds_config=source)

    context = tls.CommonTlsContext(
        alpn_protocols=[*alpn], tls_certificate_sds_secret_configs=[secret(certificate)]
    )
    if authority:
        context.combined_validation_context = (
            tls.CommonTlsContextCombinedCertificateValidationContext(
                default_validation_context=tls.CertificateValidationContext(),
                validation_context_sds_secret_config=secret(authority),
            )
        )
    return context
