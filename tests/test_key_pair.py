"""Certificates and keys get into TLS contexts without a file on a disk."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

import pytest

from pyload import key_pair
from pyload.embedded.controlplane.ca import Authority
from pyload.errors import CertificateError, UsageError
from pyload.key_pair import KeyPair
from tests.few_files import no_more_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["_in_memory", "_as_pipe"])
def _way(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux has files in memory, macOS only pipes; neither may need a folder for files."""
    if not hasattr(os, "memfd_create"):
        request.param = "_as_pipe"
    monkeypatch.setattr(key_pair, "_as_file", getattr(key_pair, request.param))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))


@pytest.mark.usefixtures("_way")
def test_a_certificate_is_loaded_however_long_its_chain_is() -> None:
    """In a pod with a read-only root file system no proxy could show its certificate."""
    own = Authority().for_server("127.0.0.1")
    for chain in (own.chain, own.chain * 300):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        KeyPair(own.key, chain).load_into(context)


@pytest.mark.usefixtures("_way")
def test_what_is_wrong_with_a_certificate_is_said() -> None:
    """The user would read an error number of OpenSSL, or be asked for a password."""
    own, other = Authority().for_server("127.0.0.1"), Authority().for_server("127.0.0.1")
    for key, chain, reason in [
        (b"no key", own.chain, "it or its key is not PEM"),
        (own.key, b"no certificate", "it or its key is not PEM"),
        (own.key, b"", "it or its key is not PEM"),
        (other.key, own.chain, ""),
    ]:
        with pytest.raises(UsageError, match=f"the client certificate cannot be used: .*{reason}"):
            KeyPair(key, chain).load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


def test_a_key_is_not_shown() -> None:
    """It would end up in a log or a traceback."""
    assert "secret" not in repr(KeyPair(b"secret", b"chain"))


@pytest.mark.usefixtures("_way")
def test_too_many_open_files_are_no_fault_of_the_certificate() -> None:
    """Users would look for a mistake in a file that is good, and proxies would never try again."""
    own = Authority().for_server("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with no_more_files(), pytest.raises(CertificateError, match="too many open files; raise"):
        KeyPair(own.key, own.chain).load_into(context)
    KeyPair(own.key, own.chain).load_into(context)
