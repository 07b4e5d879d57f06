"""The Secrets in which the gateways of a mesh find their certificates."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from pyload.manifests.objects import bare_object

if TYPE_CHECKING:
    from pyload.gotemplate.sprig.certificates import Pair
    from pyload.kube.resources import Obj


def tls_secret(name: str, namespace: str, *, pair: Pair, run_id: str) -> Obj:
    """Build the Secret of a gateway."""
    data = {
        "tls.crt": base64.b64encode(pair.Cert.encode()).decode(),
        "tls.key": base64.b64encode(pair.Key.encode()).decode(),
    }
    return bare_object("v1", "Secret", name, namespace=namespace, run_id=run_id, data=data)
