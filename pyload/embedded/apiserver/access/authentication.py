"""Who a request is from, where the API server asks for credentials."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.access.users import EVERYBODY, User

if TYPE_CHECKING:
    from collections.abc import Callable

ANONYMOUS: Final = User("system:anonymous", ("system:unauthenticated",))
_PUBLIC: Final = frozenset(("healthz", "livez", "readyz", "version"))
"""First parts of the paths that the role ``system:public-info-viewer`` shows to everybody."""


class Authenticator:
    """Finds the users of requests by their bearer tokens.

    Args:
        token: The token of the one mighty user.
        account_of: Returns the service account that a token is of, or None.
    """

    def __init__(self, token: str, account_of: Callable[[str], User | None]) -> None:
        self._token = token.encode()
        self._account_of = account_of

    def user(self, method: str, path: str, authorization: str) -> User:
        """Return the user of a request.

        Args:
            method: Its method.
            path: Its path.
            authorization: Its header ``Authorization``, or empty.

        Raises:
            Refused: The user is unknown, and not everybody may see the path.
        """
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() == "bearer" and token:
            if hmac.compare_digest(token.encode(errors="replace"), self._token):
                return EVERYBODY
            if account := self._account_of(token):
                return account
        elif method in ("GET", "HEAD") and path.lstrip("/").partition("/")[0] in _PUBLIC:
            return ANONYMOUS
        raise refusals.unauthorized()
