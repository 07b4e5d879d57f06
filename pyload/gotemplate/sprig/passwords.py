"""Passwords: bcrypt and htpasswd, passwords derived from a master password, and AES."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.sprig.encoding import Corrupt, decode_base64
from pyload.gotemplate.values import from_utf8, utf8

if TYPE_CHECKING:
    from random import Random

    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    from pyload.gotemplate.sprig.surroundings import Surroundings

# Cost and longest password of Go's bcrypt.
_COST: Final = 10
_LONGEST: Final = 72
# What salts are written with. The last character holds the last two of 128 bits.
_SALT: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SALT_END: Final = ".Oeu"
_BLOCK: Final = 16
# The Master Password algorithm, version 0: templates of passwords, and what their letters mean.
_SEED: Final = b"com.lyndir.masterpassword"
_TEMPLATES: Final = {
    "maximum": "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno",
    "long": "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv "
    "CvccCvcvCvcvno CvcvnoCvccCvcv CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc "
    "CvcvCvcvnoCvcc CvcvCvcvCvccno CvccnoCvccCvcv CvccCvccnoCvcv CvccCvccCvcvno "
    "CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno CvccnoCvcvCvcc CvccCvcvnoCvcc "
    "CvccCvcvCvccno",
    "medium": "CvcnoCvc CvcCvcno",
    "short": "Cvcn",
    "basic": "aaanaaan aannaaan aaannaaa",
    "pin": "nnnn",
}
_LETTERS: Final = {
    "V": "AEIOU",
    "C": "BCDFGHJKLMNPQRSTVWXYZ",
    "v": "aeiou",
    "c": "bcdfghjklmnpqrstvwxyz",
    "A": "AEIOUBCDFGHJKLMNPQRSTVWXYZ",
    "a": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
    "n": "0123456789",
    "o": "@&%?,=[]_:-+*$#!'^~;()/.",
    "x": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
}


def functions(surroundings: Surroundings) -> tuple[Function, ...]:
    """The functions, with a source of salts."""
    random = surroundings.random
    return (
        Function("bcrypt", lambda password: _bcrypt(random, password), ("string",)),
        Function(
            "htpasswd", lambda user, password: _htpasswd(random, user, password), ("string",) * 2
        ),
        Function("derivePassword", _derived, ("int", "string", "string", "string", "string")),
        Function("encryptAES", lambda key, text: _encrypt(random, key, text), ("string",) * 2),
        Function("decryptAES", _decrypt, ("string",) * 2),
    )


def _bcrypt(random: Random, password: str) -> str:
    import bcrypt  # noqa: PLC0415 - rarely wanted

    data = utf8(password)
    if len(data) > _LONGEST:
        what = f"bcrypt: password length exceeds {_LONGEST} bytes"
        return f"failed to encrypt string with bcrypt: {what}"
    # Not the library's own salts: with a seed, a template gives the same text each time.
    salt = "".join(random.choices(_SALT, k=21)) + random.choice(_SALT_END)
    return bcrypt.hashpw(data, f"$2a${_COST:02}${salt}".encode()).decode()


def _htpasswd(random: Random, user: str, password: str) -> str:
    if ":" in user:
        return f"invalid username: {user}"
    return f"{user}:{_bcrypt(random, password)}"


def _sized(text: str) -> bytes:
    data = utf8(text)
    return len(data).to_bytes(4, "big") + data


def _derived(counter: int, kind: str, password: str, user: str, site: str) -> str:
    templates = _TEMPLATES.get(kind, "").split()
    if not templates:
        return f"cannot find password template {kind}"
    key = hashlib.scrypt(
        utf8(password), salt=_SEED + _sized(user), n=32_768, r=8, p=2, dklen=64, maxmem=1 << 26
    )
    number = (counter % (1 << 32)).to_bytes(4, "big")
    seed = hmac.digest(key, _SEED + _sized(site) + number, "sha256")
    template = templates[seed[0] % len(templates)]
    return "".join(
        _LETTERS[letter][byte % len(_LETTERS[letter])]
        for letter, byte in zip(template, seed[1:], strict=False)
    )


def _cipher(password: str, start: bytes) -> Cipher[CBC]:
    from cryptography.hazmat.primitives.ciphers import (  # noqa: PLC0415 - slow to import
        Cipher,
        algorithms,
        modes,
    )

    # The key has 32 bytes: the password cut, or filled up with zeros.
    key = utf8(password)[:32].ljust(32, b"\0")
    return Cipher(algorithms.AES(key), modes.CBC(start))


def _encrypt(random: Random, password: str, text: str) -> str:
    if not text:
        return ""
    data = utf8(text)
    padding = _BLOCK - len(data) % _BLOCK
    start = random.randbytes(_BLOCK)
    encryptor = _cipher(password, start).encryptor()
    sealed = encryptor.update(data + bytes([padding]) * padding) + encryptor.finalize()
    return base64.b64encode(start + sealed).decode()


def _decrypt(password: str, text: str) -> str:
    if not text:
        return ""
    try:
        data = decode_base64(text)
    except Corrupt as error:
        raise Failure(str(error)) from error
    start, sealed = data[:_BLOCK], data[_BLOCK:]
    room = len(text) // 4 * 3
    if len(start) < _BLOCK:
        raise Failure(f"runtime error: slice bounds out of range [:{_BLOCK}] with capacity {room}")
    if len(sealed) % _BLOCK:
        raise Failure("crypto/cipher: input not full blocks")
    if not sealed:
        raise Failure("runtime error: index out of range [-1]")
    decryptor = _cipher(password, start).decryptor()
    plain = decryptor.update(sealed) + decryptor.finalize()
    if plain[-1] > len(plain):
        raise Failure(f"runtime error: slice bounds out of range [:{len(plain) - plain[-1]}]")
    return from_utf8(plain[: len(plain) - plain[-1]])
