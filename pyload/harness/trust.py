"""Whether a control plane is to be trusted: its roots, and the name in its certificate."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyload.errors import ApiError, ClusterUnreachable, ControlPlaneUnreachable, UsageError
from pyload.harness.connection import cannot_reach, split_address
from pyload.kube.resources import CONFIG_MAPS
from pyload.xds.tcp import dial
from pyload.xds.tls import TlsConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.harness.connection import Connection
    from pyload.kube.client import Client

NAMESPACE: Final = "istio-system"
CONFIG_MAP: Final = "istio-ca-root-cert"
KEY: Final = "root-cert.pem"
_DIAL_SECONDS: Final = 5.0

log = logging.getLogger("pyload")


async def find_roots(connection: Connection, client: Client) -> bytes:
    """Return the certificates by which servers are verified.

    Args:
        connection: The flags.
        client: The API server, where istiod publishes its root.

    Returns:
        PEM; empty if servers are not to be verified, or cannot be, which is logged.

    Raises:
        UsageError: The file that the user named cannot be used.
    """
    if connection.ca_file:
        return read_roots(Path(connection.ca_file))
    if connection.insecure:
        log.warning("the control plane is not verified: --insecure")
        return b""
    try:
        found = await client.get(CONFIG_MAPS.path(NAMESPACE, CONFIG_MAP))
        roots = str((found.get("data") or {}).get(KEY) or "").encode()
        reason = "" if roots else f"it has no {KEY}"
    except (ApiError, ClusterUnreachable) as error:
        roots, reason = b"", error.what
    if not roots:
        log.warning(
            "the control plane is not verified: cannot read the ConfigMap %s/%s (%s); "
            "--ca-file verifies it, --insecure says that it need not be",
            NAMESPACE,
            CONFIG_MAP,
            reason,
        )
    return roots


def read_roots(path: Path) -> bytes:
    """Read certificates.

    Raises:
        UsageError: There is no such file, or there are none in it.
    """
    try:
        roots = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--ca-file {path} cannot be read: {error.strerror}") from error
    try:
        TlsConfig(roots or b"nothing").context()
    except UsageError as error:
        raise error.during(f"--ca-file {path}") from None
    return roots


async def check_tls(address: str, roots: bytes, names: Sequence[str]) -> str:
    """Check that a control plane speaks TLS and can be verified, before anything is created.

    Args:
        address: ``HOST:PORT``.
        roots: Certificates in PEM that must have signed the server's; empty does not verify it.
        names: Names that the server may have.

    Returns:
        The name that it has.

    Raises:
        ControlPlaneUnreachable: It cannot be reached or verified.
    """
    host, port = split_address(address)
    context = TlsConfig(roots).context()
    for name in names:
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                sock = await dial((host, port))
                _, writer = await asyncio.open_connection(
                    sock=sock, ssl=context, server_hostname=name
                )
        except ssl.SSLCertVerificationError as error:
            if error.verify_code == _OTHER_NAME:
                continue
            raise ControlPlaneUnreachable(
                f"the control plane at {address} is not to be trusted: {error.verify_message}",
                fix="name the CA that signed its certificate by --ca-file, or give --insecure",
            ) from error
        except ssl.SSLError as error:
            raise ControlPlaneUnreachable(
                f"the control plane at {address} does not speak TLS",
                fix="name its TLS port (15012), or choose --auth plaintext or plaintext-jwt",
            ) from error
        except (OSError, TimeoutError) as error:
            raise cannot_reach(address, error) from error
        writer.transport.abort()
        return name
    raise ControlPlaneUnreachable(
        f"the certificate of the control plane at {address} is for none of {', '.join(names)}",
        fix="set ISTIOD_SAN to a name that it is for, or give --insecure",
    )


_OTHER_NAME: Final = 62
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH."""
