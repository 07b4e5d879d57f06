"""Who a request is from.

Unless the server asks for credentials, each request is from one mighty user. Who that is may be
taken for somebody else (``kubectl --as``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.kube.resources import Obj

_ACCOUNTS: Final = "system:serviceaccount:"
_AUTHENTICATED: Final = "system:authenticated"


@dataclass(frozen=True, slots=True)
class User:
    """A user.

    Attributes:
        name: Its name.
        groups: The groups that it is in.
        uid: Its identifier, or empty.
    """

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""

    @property
    def account(self) -> tuple[str, str] | None:
        """Namespace and name of its service account; None for other users."""
        if not self.name.startswith(_ACCOUNTS):
            return None
        namespace, _, name = self.name.removeprefix(_ACCOUNTS).partition(":")
        return namespace, name

    def to_obj(self) -> Obj:
        """Return it as reviews show it."""
        shown: Obj = {"username": self.name, "groups": list(self.groups)}
        return {**shown, "uid": self.uid} if self.uid else shown


EVERYBODY: Final = User("pyload:embedded", ("system:masters", _AUTHENTICATED))


def account_user(namespace: str, name: str, uid: str = "") -> User:
    """Return the user that a service account is."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", _AUTHENTICATED)
    return User(f"{_ACCOUNTS}{namespace}:{name}", groups, uid)


def impersonated(name: str, groups: Sequence[str], uid: str) -> User:
    """Return the user that a request wants to be from; `EVERYBODY` if it names none."""
    if not name:
        return EVERYBODY
    account = User(name).account
    if account and not groups:
        return account_user(*account, uid)
    return User(name, tuple(dict.fromkeys((*groups, _AUTHENTICATED))), uid)
