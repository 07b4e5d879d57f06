"""What a request shows to prove who sends it, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from pyload.key_pair import KeyPair


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """What requests show until it is renewed.

    Attributes:
        headers: Headers of every request, such as a bearer token; a name may occur several times.
        context: How the server is verified, and which certificate it is shown; None for the
            system's roots, and no certificate.
    """

    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    context: ssl.SSLContext | None = None


class Credentials(Protocol):
    """Keeps a proof up to date; `pyload.kube.credentials` has the one of kubeconfigs and pods."""

    async def current(self) -> Proof:
        """Return what to show now, renewed if it was about to end."""
        ...

    async def renew(self, refused: Proof) -> bool:
        """Return whether there is another proof than the one that the server answered with 401."""
        ...

    def on_refused_again(self, proof: Proof) -> None:
        """Record that the server has answered 401 to a renewed proof, too."""
        ...


@dataclass(frozen=True, slots=True)
class Trust:
    """How a TLS context is made; equal ones share one, and so their connections.

    Attributes:
        roots: Certificates in PEM by which the server is verified; empty for the system's.
        key_pair: The certificate that it is shown; None for none.
        verified: Whether the server is verified at all.
    """

    roots: bytes = b""
    key_pair: KeyPair | None = None
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Material:
    """What a source has for a proof.

    Attributes:
        authorization: Value of the Authorization header; empty for none.
        trust: How to make the TLS context; None for a server without TLS.
        good_for: Seconds after which to read the source again; None for never.
    """

    authorization: str = field(default="", repr=False)
    trust: Trust | None = None
    good_for: float | None = None


class Source(Protocol):
    """Where credentials come from."""

    async def read(self, *, refused: bool) -> Material:
        """Return what to show now.

        Args:
            refused: Whether the server has answered 401 to what was read last, so that nothing
                of it is to be used again unless its place still has it.

        Raises:
            PyloadError: It cannot be used; says why.
        """
        ...
