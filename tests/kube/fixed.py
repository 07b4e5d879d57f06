"""Credentials that never change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyload.kube.proof import Proof


class Fixed:
    """Credentials that never change."""

    def __init__(self, proof: Proof) -> None:
        self._proof = proof

    async def current(self) -> Proof:
        """Return them."""
        return self._proof

    async def renew(self, refused: Proof) -> bool:
        """Have no others."""
        return False

    def on_refused_again(self, proof: Proof) -> None:
        """Is never called."""
