"""Acting as another user, with the headers by which an API server is told."""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LEGAL: Final = frozenset(f"!#$&'*+-.^_`|~{string.ascii_letters}{string.digits}".encode("ascii"))
"""Bytes of a header's name that need no escape."""


@dataclass(frozen=True, slots=True)
class Impersonation:
    """Whom requests are made as; by default nobody else.

    Attributes:
        user: Empty for nobody.
        uid: Empty for any.
        groups: Its groups.
        extra: What else authenticators say about users, such as scopes.
    """

    user: str = ""
    uid: str = ""
    groups: Sequence[str] = ()
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, account: Mapping[str, Any]) -> Impersonation:
        """Read the user's section of a kubeconfig."""
        return cls(
            account.get("as") or "",
            account.get("as-uid") or "",
            tuple(account.get("as-groups") or ()),
            account.get("as-user-extra") or {},
        )

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers of every request.

        Raises:
            UsageError: A value cannot stand in a header.
        """
        if not self.user:
            return []
        headers = [("Impersonate-User", self.user)]
        headers += [("Impersonate-Uid", self.uid)] if self.uid else []
        headers += [("Impersonate-Group", group) for group in self.groups]
        for key, values in self.extra.items():
            headers += [(f"Impersonate-Extra-{_escaped(key)}", value) for value in values or ()]
        for name, value in headers:
            if any(ord(character) < 32 or ord(character) == 127 for character in value):
                raise UsageError(
                    f"{name} cannot be sent: it has control characters",
                    fix="mend `as` and its companions in the kubeconfig, or --as",
                )
        return headers

    def __str__(self) -> str:
        return self.user + (f" of {', '.join(self.groups)}" if self.groups else "")


def _escaped(key: str) -> str:
    return "".join(chr(byte) if byte in _LEGAL else f"%{byte:02X}" for byte in key.encode("utf-8"))
