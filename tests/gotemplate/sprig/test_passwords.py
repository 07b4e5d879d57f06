"""Derived passwords, and AES.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest

from pyload.gotemplate.sprig.blowfish import bcrypt, bcrypt_in_python
from tests.gotemplate.sprig.support import failure, render

OUTPUTS = (
    ('{{derivePassword 1 "long" "password" "user" "example.com"}}', "ZedaFaxcZaso9*"),
    ('{{derivePassword 2 "pin" "p" "u" "s"}}', "8889"),
    ('{{derivePassword 3 "maximum" "p" "u" "s"}}', "M(2!Dlb3srxKRKVEYo6["),
    ('{{derivePassword 1 "x" "p" "u" "s"}}', "cannot find password template x"),
    ('{{derivePassword 1 "basic" "p" "ü" "s"}}', "qhH64GBe"),
    ('{{derivePassword 1 "medium" "p" "u" "s"}}', "Rud1@Nel"),
    ('{{derivePassword 1 "short" "p" "u" "s"}}', "Rud1"),
    ('{{decryptAES "secretkey" "30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ="}}', "plaintext"),
    ('{{encryptAES "k" ""}}', ""),
    ('{{decryptAES "k" ""}}', ""),
)
FAILURES = (
    ('{{decryptAES "k" "!"}}', "illegal base64 data at input byte 0"),
    ('{{decryptAES "k" "AAAA"}}', "runtime error: slice bounds out of range [:16] with capacity 3"),
    ('{{decryptAES "k" (b64enc "0123456789abcdef")}}', "runtime error: index out of range [-1]"),
    ('{{decryptAES "k" (b64enc "0123456789abcdef0")}}', "crypto/cipher: input not full blocks"),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_passwords_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break templates that decrypt or derive a secret."""
    assert render(template) == expected


@pytest.mark.parametrize(("template", "expected"), FAILURES)
def test_passwords_fail_as_sprig_fails(template: str, expected: str) -> None:
    """Another error, or none, would hide a mistake from its author."""
    assert failure(template) == expected


def test_what_is_encrypted_is_decrypted() -> None:
    """A secret would be lost."""
    assert render('{{encryptAES "key" "Grüße" | decryptAES "key"}}') == "Grüße"


@pytest.mark.parametrize("password", [b"hello", b"", b"x" * 72, "grün".encode()])
def test_the_two_ways_to_hash_a_password_agree(password: bytes) -> None:
    """A hash made on a system without the C library would not be accepted."""
    salt = bytes(range(16))
    assert bcrypt(password, salt, 4) == bcrypt_in_python(password, salt, 4)


def test_a_hash_is_the_known_one() -> None:
    """No server would accept the password."""
    expected = "$2a$04$..CA.uOD/eaGAOmJB.yMBuXVkvC8b09bVi1XEpxb.PqgxJfLsB4Lu"
    assert bcrypt_in_python(b"hello", bytes(range(16)), 4) == expected


def test_htpasswd_is_a_user_and_a_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file would not be one of htpasswd."""
    monkeypatch.setattr("pyload.gotemplate.sprig.passwords._COST", 4)
    line = render('{{htpasswd "ann" "secret"}}')
    assert line.startswith("ann:$2a$04$")
    assert len(line) == len("ann:") + 60
    assert render('{{bcrypt "secret"}}', seed=1) != render('{{bcrypt "secret"}}', seed=2)
