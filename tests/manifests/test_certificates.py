"""The TLS Secrets of gateways."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest

from pyload.gotemplate.sprig.certificates import Pair
from pyload.manifests.certificates import tls_secret


def test_a_secret_holds_the_pair_under_the_names_that_istio_reads() -> None:
    """The gateway's port 443 would have no certificate."""
    secret = tls_secret("main", "edge", pair=Pair("certificate", "key"), run_id="run")

    assert {name: base64.b64decode(text) for name, text in secret["data"].items()} == {
        "tls.crt": b"certificate",
        "tls.key": b"key",
    }
    assert secret["metadata"]["labels"] == {"pyload.dev/run": "run"}


@pytest.mark.process
def test_a_run_without_gateways_does_not_import_cryptography() -> None:
    """Every run would start slower for the sake of a few."""
    code = "import sys, pyload.mesh.mesh; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
