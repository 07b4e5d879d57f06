"""The mesh's certificate authority, asked over grpc.aio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc.aio

from pyload.xds.grpc_channels import GrpcChannels, stream_error
from pyload.xds.wire import ca_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.xds.tls import TlsConfig
    from pyload.xds.transport import Metadata

SERVICE: Final = "/istio.v1.auth.IstioCertificateService"
METHOD: Final = f"{SERVICE}/CreateCertificate"
LIFE_SECONDS: Final = 86_400
"""What Istio's agent asks for."""

_TIMEOUT: Final = 10.0


class GrpcCa:
    """Asks a CA, over a connection for each request as each agent has; a `Ca` of certificates.

    Args:
        target: ``HOST:PORT``.
        tls: How to speak TLS; None for plaintext.
    """

    def __init__(self, target: str, *, tls: TlsConfig | None) -> None:
        self._channels = GrpcChannels(target, tls)

    async def sign(self, csr: bytes, *, metadata: Metadata) -> Sequence[str]:
        """Ask once.

        Raises:
            StreamError: There was no good answer, with its gRPC status.
        """
        request = ca_pb2.CertificateRequest(csr=csr.decode(), validity_duration=LIFE_SECONDS)
        channel = await self._channels.new()
        try:
            call = channel.unary_unary(METHOD)
            answer = await call(request.SerializeToString(), metadata=metadata, timeout=_TIMEOUT)
        except grpc.aio.AioRpcError as error:
            self._channels.forget()
            raise stream_error(error) from error
        finally:
            await channel.close()
        return list(ca_pb2.CertificateResponse.FromString(answer).cert_chain)
