"""TLS contexts for an API server, made from memory."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from pyload.errors import UsageError

if TYPE_CHECKING:
    from pyload.kube.proof import Trust


def tls_context(trust: Trust) -> ssl.SSLContext:
    """Make a context that accepts and shows what kubectl would.

    Raises:
        UsageError: The certificates or the key cannot be read.
    """
    # Also of PEM files with comments in other languages, only the certificates are read.
    roots = trust.roots.decode("ascii", "ignore")
    try:
        context = ssl.create_default_context(cadata=roots or None)
    except (ssl.SSLError, ValueError) as error:
        raise UsageError("the cluster's CA certificates are not PEM") from error
    if trust.key_pair is not None:
        trust.key_pair.load_into(context)
    # What Go accepts is enough: many clusters' own CAs lack what the first flag asks for, and any
    # certificate that is named as a CA is one.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not trust.verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
