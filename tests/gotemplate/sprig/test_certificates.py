"""Errors of certificates and keys.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pyload.gotemplate.sprig import certificates
from pyload.gotemplate.sprig.certificates import serving_pairs
from tests.gotemplate.sprig.support import NOW, failure, render, surroundings

FAILURES = (
    ('{{genCAWithKey "a" 1 "x"}}', "parsing private key: no PEM data in input"),
    (
        '{{genCAWithKey "a" 1 "-----BEGIN CERTIFICATE-----\\nAA==\\n-----END CERTIFICATE-----"}}',
        "parsing private key: no private key data in PEM block of type CERTIFICATE",
    ),
    ('{{buildCustomCert "!" "x"}}', "unable to decode base64 certificate"),
    ('{{buildCustomCert "" "!"}}', "unable to decode base64 private key"),
    ('{{buildCustomCert (b64enc "x") ""}}', "unable to decode certificate"),
)


@pytest.mark.parametrize(("template", "expected"), FAILURES)
def test_certificates_fail_as_sprig_fails(template: str, expected: str) -> None:
    """Another error, or none, would hide a mistake from its author."""
    assert failure(template) == expected


SIGNED = (
    '{{$ca := genCAWithKey "ca" 3650 (genPrivateKey "ecdsa")}}'
    '{{$c := genSignedCertWithKey "foo.com" (list "10.0.0.1" "::1") (list "foo.com" "*.bar")'
    ' 10 $ca (genPrivateKey "ecdsa")}}'
)


def certificate(template: str) -> x509.Certificate:
    """The certificate that a template gives."""
    return x509.load_pem_x509_certificate(render(template).encode())


def test_a_signed_certificate_is_signed_by_the_authority() -> None:
    """Clients that trust the authority would refuse the server."""
    pems = render(SIGNED + "{{$ca.Cert}}{{$c.Cert}}").encode()
    authority, signed = x509.load_pem_x509_certificates(pems)
    signed.verify_directly_issued_by(authority)
    authority.verify_directly_issued_by(authority)
    constraints = x509.BasicConstraints
    assert authority.extensions.get_extension_for_class(constraints).value.ca
    assert not signed.extensions.get_extension_for_class(constraints).value.ca


def test_a_certificate_has_the_names_and_dates_that_were_asked_for() -> None:
    """Clients would refuse the server for its name, or for its age."""
    signed = certificate(SIGNED + "{{$c.Cert}}")
    names = signed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["foo.com", "*.bar"]
    assert list(map(str, names.get_values_for_type(x509.IPAddress))) == ["10.0.0.1", "::1"]
    assert signed.subject.rfc4514_string() == "CN=foo.com"
    assert signed.not_valid_before_utc.timestamp() == NOW // 10**9
    assert (signed.not_valid_after_utc - signed.not_valid_before_utc).days == 10


def test_key_and_certificate_belong_together() -> None:
    """The server could not start with them."""
    template = '{{$c := genSelfSignedCert "x" nil nil 1}}{{$c.Cert}}SPLIT{{$c.Key}}'
    pem, key = render(template).encode().split(b"SPLIT")
    loaded = x509.load_pem_x509_certificate(pem)
    assert loaded.public_key() == load_pem_private_key(key, None).public_key()
    loaded.verify_directly_issued_by(loaded)


def test_gateways_get_certificates_for_their_hosts() -> None:
    """An Envoy, and istiod before it, refuse a pair that does not fit."""
    for pair in serving_pairs(surroundings()):
        loaded = x509.load_pem_x509_certificate(pair.Cert.encode())
        names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert loaded.public_key() == load_pem_private_key(pair.Key.encode(), None).public_key()
        assert "*.example.com" in names.get_values_for_type(x509.DNSName)
        assert loaded.not_valid_before_utc.timestamp() == NOW // 10**9
        assert (loaded.not_valid_after_utc - loaded.not_valid_before_utc).days == 365
        loaded.verify_directly_issued_by(loaded)


def test_no_two_pairs_are_the_same() -> None:
    """Secrets that alternate between equal pairs would never be pushed."""
    first, second = serving_pairs(surroundings())
    assert first.Cert != second.Cert
    assert first.Key != second.Key


@pytest.mark.parametrize(
    "template",
    [
        '{{(genCA "x" 1).Cert}}',
        '{{(genSignedCert "x" nil nil 1 (genCA "ca" 1)).Cert}}',
        '{{(genSelfSignedCertWithKey "" nil (list "x") 1 (genPrivateKey "ed25519")).Cert}}',
    ],
)
def test_every_way_to_make_a_certificate_makes_one(template: str) -> None:
    """A documented function would not work."""
    assert certificate(template).version is x509.Version.v3


@pytest.mark.parametrize(
    ("kind", "label"),
    [("rsa", "RSA PRIVATE KEY"), ("ecdsa", "EC PRIVATE KEY"), ("ed25519", "PRIVATE KEY")],
)
def test_keys_have_the_form_of_their_kind(
    monkeypatch: pytest.MonkeyPatch, kind: str, label: str
) -> None:
    """Programs that look at the header would refuse the key."""
    # One of 4096 bits takes seconds.
    monkeypatch.setattr(certificates, "_RSA_ALONE", 1024)
    pem = render(f'{{{{genPrivateKey "{kind}"}}}}')
    assert pem.startswith(f"-----BEGIN {label}-----\n")
    assert load_pem_private_key(pem.encode(), None) is not None


def test_dsa_keys_have_their_own_form() -> None:
    """Programs that look at the header would refuse the key."""
    assert render('{{genPrivateKey "dsa"}}').startswith("-----BEGIN DSA PRIVATE KEY-----\n")


def test_a_pair_of_ones_own_is_checked_and_kept() -> None:
    """A mistake in a pasted key would be found by the gateway only."""
    template = SIGNED + "{{$p := buildCustomCert (b64enc $c.Cert) (b64enc $c.Key)}}"
    assert render(template + "{{eq $p.Cert $c.Cert}} {{eq $p.Key $c.Key}}") == "true true"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{{genCA "x" 99999999}}', "error creating certificate: "),
        ('{{genSelfSignedCert "x" nil (list "é") 1}}', "error creating certificate: "),
        (
            '{{buildCustomCert (b64enc "-----BEGIN CERTIFICATE-----\\n") ""}}',
            "error parsing certificate: decodedCert.Bytes: ",
        ),
        (
            '{{genCAWithKey "a" 1 "-----BEGIN EC PRIVATE KEY-----\\n"}}',
            "parsing private key: parsing EC private key from PEM: ",
        ),
    ],
)
def test_what_cannot_be_a_certificate_is_an_error(template: str, expected: str) -> None:
    """An exception of the library would end the program."""
    assert failure(template).startswith(expected)
