"""The fields of a kubeconfig: which there are, and what a value may be.

As for kubectl, a value of the wrong type makes the whole file unusable, even in a section that no
context refers to, and so do two sections of one name. A field that kubectl does not know it
passes over in silence; here, each is named, as it is most often a slip of the pen.

A message never quotes a value: it may be a secret.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Check = Callable[[Any], str]

OTHER_FILE: Final = "name a kubeconfig with --kubeconfig, such as one that kubectl works with"
_KINDS: Final = {bool: "a truth value", int: "a number", float: "a number", str: "text"}


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else _KINDS.get(type(value), "something else")


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else f"is {_kind(value)}, not text"


def _truth(value: Any) -> str:
    return "" if isinstance(value, bool) else f"is {_kind(value)}, not true or false"


def _texts(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ""
    return "is not a list of texts"


def _lists(value: Any) -> str:
    if isinstance(value, dict) and not any(_text(key) or _texts(value[key]) for key in value):
        return ""
    return "is not a mapping from texts to lists of texts"


def _map(value: Any) -> str:
    if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
        return ""
    return "is not a mapping from texts to texts"


def _data(value: Any) -> str:
    try:
        base64.b64decode("".join(value.split("\n")).encode("ascii"), validate=True)
    except (AttributeError, UnicodeError, binascii.Error):
        return "is not base64"
    return ""


def _named(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return ""
    return "is not a list of mappings"


def _section(value: Any) -> str:
    return "" if isinstance(value, dict) else f"is {_kind(value)}, not a mapping"


_TOP: Final[Mapping[str, Check]] = {
    "apiVersion": _text,
    "kind": _text,
    "preferences": _section,
    "clusters": _named,
    "users": _named,
    "contexts": _named,
    "current-context": _text,
    "extensions": _named,
}
_CLUSTER: Final[Mapping[str, Check]] = {
    "server": _text,
    "tls-server-name": _text,
    "insecure-skip-tls-verify": _truth,
    "certificate-authority": _text,
    "certificate-authority-data": _data,
    "proxy-url": _text,
    "disable-compression": _truth,
    "extensions": _named,
}
_USER: Final[Mapping[str, Check]] = {
    "client-certificate": _text,
    "client-certificate-data": _data,
    "client-key": _text,
    "client-key-data": _data,
    "token": _text,
    "tokenFile": _text,
    "as": _text,
    "as-uid": _text,
    "as-groups": _texts,
    "as-user-extra": _lists,
    "username": _text,
    "password": _text,
    "auth-provider": _section,
    "exec": _section,
    "extensions": _named,
}
_CONTEXT: Final[Mapping[str, Check]] = {
    "cluster": _text,
    "user": _text,
    "namespace": _text,
    "extensions": _named,
}
_EXEC: Final[Mapping[str, Check]] = {
    "command": _text,
    "args": _texts,
    "env": _named,
    "apiVersion": _text,
    "installHint": _text,
    "provideClusterInfo": _truth,
    "interactiveMode": _text,
}
_PROVIDER: Final[Mapping[str, Check]] = {"name": _text, "config": _map}
_SECTIONS: Final = (
    ("clusters", "cluster", _CLUSTER),
    ("users", "user", _USER),
    ("contexts", "context", _CONTEXT),
)
_INNER: Final = {"exec": _EXEC, "auth-provider": _PROVIDER}


def unknown_fields(source: str, document: Mapping[str, Any]) -> list[str]:
    """Check a whole file, and return the fields that have no meaning, with their places.

    Args:
        source: The file, for messages.
        document: What it holds.

    Raises:
        UsageError: A value has the wrong type, two sections have one name, or it is another kind
            of document.
    """
    unknown = list(_check(source, "", document, _TOP))
    for key, expected in (("apiVersion", "v1"), ("kind", "Config")):
        if document.get(key) and document[key] != expected:
            raise UsageError(
                f"kubeconfig {source} is no kubeconfig: {key} is not {expected}", fix=OTHER_FILE
            )
    for plural, singular, fields in _SECTIONS:
        names = set()
        for entry in document.get(plural) or ():
            name = entry.get("name") or ""
            place = f' of {singular} "{name}"'
            unknown += _check(source, f" in {plural}", entry, {"name": _text, singular: _section})
            if name in names:
                raise UsageError(
                    f'kubeconfig {source} has two {plural} with the name "{name}"',
                    fix="remove or rename one",
                )
            names.add(name)
            section = entry.get(singular) or {}
            unknown += _check(source, place, section, fields)
            for inner, inner_fields in _INNER.items():
                if fields is _USER and section.get(inner):
                    unknown += _check(source, f" in {inner}{place}", section[inner], inner_fields)
    return unknown


def _check(
    source: str, place: str, section: Mapping[Any, Any], fields: Mapping[str, Check]
) -> Iterator[str]:
    for key, value in section.items():
        check = fields.get(key) if isinstance(key, str) else None
        if check is None:
            yield f"{key}{place}"
        elif value is not None and (problem := check(value)):
            raise UsageError(f"kubeconfig {source}: {key}{place} {problem}", fix=OTHER_FILE)


def contradiction(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> str:
    """Return why kubectl would not use a cluster and a user together; empty where it would.

    Args:
        cluster: The cluster's section, with a URL as ``server``.
        user: The user's section.
    """
    return _of_certificates(cluster, user) or _of_methods(user)


def _of_certificates(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> str:
    for section, key in (
        (cluster, "certificate-authority"),
        (user, "client-certificate"),
        (user, "client-key"),
    ):
        if section.get(key) and section.get(f"{key}-data"):
            return f"{key} and {key}-data are both set"
    if has(cluster, "certificate-authority") and cluster.get("insecure-skip-tls-verify"):
        return "insecure-skip-tls-verify contradicts the certificate-authority beside it"
    if has(user, "client-certificate") and not has(user, "client-key"):
        return "client-certificate has no client-key"
    return ""


def has(section: Mapping[str, Any], key: str) -> bool:
    """Return whether a section has a certificate or a key, as a file or as data."""
    return bool(section.get(key) or section.get(f"{key}-data"))


def _of_methods(user: Mapping[str, Any]) -> str:
    if (user.get("username") or user.get("password")) and (
        user.get("token") or user.get("tokenFile")
    ):
        return "a token contradicts the username and password beside it"
    if user.get("auth-provider") and user.get("exec"):
        return "auth-provider contradicts the exec beside it"
    more = [key for key in ("as-uid", "as-groups", "as-user-extra") if user.get(key)]
    if more and not user.get("as"):
        return f"{more[0]} has no user to impersonate, which `as` names"
    return _provider((user.get("auth-provider") or {}).get("name"))


def _provider(name: str | None) -> str:
    if name in (None, "oidc"):
        return ""
    hint = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin"}.get(name or "")
    way = f": use exec with {hint} instead" if hint else ""
    return f'there is no auth-provider "{name}"{way}'
