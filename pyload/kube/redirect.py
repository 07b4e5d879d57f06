"""Whether a request follows the server to another address.

As in Go, reads follow every redirect, and writes those that keep method and body. Unlike Go,
which sends the account's token along, a request goes to no other host and never from https to http:
pyload says where the server points instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from pyload.kube.proxy import without_secrets

MOST: Final = 10
"""Redirects of one request, as in Go."""

_ANY_METHOD: Final = (307, 308)
STATUSES: Final = (301, 302, 303, *_ANY_METHOD)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a redirect is not followed.

    Attributes:
        what: What the server did.
        fix: What the user can do.
    """

    what: str
    fix: str


def follow(method: str, url: str, status: int, location: str, *, count: int) -> str | Refusal:
    """Decide on a redirect, and return the URL to ask next or why there is none.

    Args:
        method: HTTP method of the request.
        url: URL that was asked.
        status: One of `STATUSES`.
        location: Where the server points.
        count: How many redirects the request has followed.
    """
    target = urljoin(url, location)
    shown = without_secrets(target)
    fix = f"if that is the API server, write {_base(target)} as `server` into the kubeconfig"
    try:
        before, after = urlsplit(url), urlsplit(target)
        usable = after.scheme in ("http", "https") and bool(after.hostname) and after.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in after.netloc:
        return Refusal(f"it redirects to {shown}, which is no address of a server", _NO_SERVER)
    if method != "GET" and status not in _ANY_METHOD:
        what = f"it redirects a {method} to {shown} with status {status}, which would make it a GET"
        return Refusal(what, fix)
    if after.hostname != before.hostname:
        return Refusal(f"it redirects to {shown}, which is another host", fix)
    if (before.scheme, after.scheme) == ("https", "http"):
        return Refusal(f"it redirects to {shown}, which is not encrypted", _NO_SERVER)
    if count >= MOST:
        return Refusal(f"it redirects {MOST} times, the last time to {shown}", _NO_SERVER)
    return target


_NO_SERVER: Final = "check that the address in the kubeconfig is a Kubernetes API server's"


def _base(target: str) -> str:
    return "/".join(without_secrets(target).split("/", 3)[:3])
