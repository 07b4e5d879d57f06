"""How a proxy proves who it is: which authentication mode applies, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from pyload.errors import UsageError

Auth = Literal["plaintext", "jwt", "plaintext-jwt", "mtls"]

_CHOICES: Final[tuple[Auth, ...]] = get_args(Auth)
_PLAINTEXT_PORT: Final = "15010"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who connects to a control plane, with all that decides how.

    Attributes:
        namespace: Of the service account.
        service_account: Its name.
        cluster_id: Istio's name of the cluster.
        proxy: Key of the proxy; empty where all proxies of the service account are one.
        address: ``HOST:PORT`` that the proxy itself would connect to; empty if it names none.
    """

    namespace: str
    service_account: str
    cluster_id: str
    proxy: str = ""
    address: str = ""


def infer(auth: str, address: str) -> Auth:
    """Return the mode for an address.

    Args:
        auth: What the user asked for; empty leaves it to the port: plaintext for 15010, a token
            over TLS for all others.
        address: ``HOST:PORT`` of the control plane.

    Raises:
        UsageError: There is no such mode.
    """
    if auth == "google" or address.partition(":")[0].endswith(".googleapis.com"):
        raise UsageError(
            "Google's authentication, which pilot-load had until 2023, is not supported",
            fix="name an istiod of your own by --pilot-address",
        )
    if not auth:
        _, colon, port = address.rpartition(":")
        return "plaintext" if colon and port == _PLAINTEXT_PORT else "jwt"
    for choice in _CHOICES:
        if auth == choice:
            return choice
    raise UsageError(f"--auth {auth} is not supported", fix=f"choose one of {', '.join(_CHOICES)}")


def uses_tls(auth: Auth) -> bool:
    """Return whether the mode speaks TLS."""
    return auth in ("jwt", "mtls")


def uses_token(auth: Auth) -> bool:
    """Return whether the mode's xDS streams carry a service account's token."""
    return auth in ("jwt", "plaintext-jwt")


def uses_certificate(auth: Auth) -> bool:
    """Return whether the mode's connections show a certificate of the service account.

    A token is needed there too, for the CA that signs it.
    """
    return auth == "mtls"
