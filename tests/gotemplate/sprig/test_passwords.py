"""Derived passwords, and AES.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import bcrypt
import pytest

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


@pytest.mark.parametrize("password", ["hello", "", "x" * 72, "grün"])
def test_a_password_has_the_hash_that_servers_expect(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """No server would accept the password."""
    monkeypatch.setattr("pyload.gotemplate.sprig.passwords._COST", 4)
    text = render("{{bcrypt .password}}", password=password)
    assert text.startswith("$2a$04$")
    assert bcrypt.checkpw(password.encode(), text.encode())


def test_the_cost_of_a_hash_is_that_of_go() -> None:
    """Another cost would make hashes that are cheaper to guess, or slower to check."""
    assert render('{{bcrypt "hello"}}')[:7] == "$2a$10$"


def test_too_long_a_password_is_told_in_the_output() -> None:
    """Other text, or an error, would be a difference to pilot-load."""
    expected = "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"
    assert render('{{bcrypt (repeat 73 "x")}}') == expected


def test_htpasswd_is_a_user_and_a_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file would not be one of htpasswd."""
    monkeypatch.setattr("pyload.gotemplate.sprig.passwords._COST", 4)
    line = render('{{htpasswd "ann" "secret"}}')
    assert line.startswith("ann:$2a$04$")
    assert len(line) == len("ann:") + 60
    hashes = [render('{{bcrypt "secret"}}', seed=seed) for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]
