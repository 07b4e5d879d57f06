"""The TLS Secrets of gateways."""

from __future__ import annotations

import base64
import subprocess
import sys
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from pyload.kube.certificates import LIFETIME, make_pair, tls_secret

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_pair_is_a_certificate_and_its_own_key() -> None:
    """An Envoy, and istiod before it, refuse a pair that does not fit."""
    pair = make_pair(NOW)
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    key = serialization.load_pem_private_key(pair.key, password=None)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo

    assert certificate.public_key().public_bytes(encoding, form) == key.public_key().public_bytes(
        encoding, form
    )
    assert names.get_values_for_type(x509.DNSName) == ["*.example.com"]
    assert certificate.not_valid_before_utc == NOW
    assert certificate.not_valid_after_utc == NOW + LIFETIME
    certificate.verify_directly_issued_by(certificate)


def test_no_two_pairs_are_the_same() -> None:
    """Secrets that alternate between equal pairs would never be pushed."""
    first, second = make_pair(NOW), make_pair(NOW)

    assert first.certificate != second.certificate
    assert first.key != second.key


def test_a_secret_holds_the_pair_under_the_names_that_istio_reads() -> None:
    """The gateway's port 443 would have no certificate."""
    pair = make_pair(NOW)
    secret = tls_secret("main", "edge", pair=pair, run_id="run")

    assert {name: base64.b64decode(text) for name, text in secret["data"].items()} == {
        "tls.crt": pair.certificate,
        "tls.key": pair.key,
    }
    assert secret["metadata"]["labels"] == {"pyload.dev/run": "run"}


def test_a_run_without_gateways_does_not_import_cryptography() -> None:
    """Every run would start slower for the sake of a few."""
    code = "import sys, pyload.cluster.run; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
