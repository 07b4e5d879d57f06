"""Certificates with their keys, which never touch the disk.

Python's ssl reads certificates and keys from files only. On Linux it gets a file in memory,
elsewhere a pipe: both have a name under ``/dev/fd`` while they are open, also where no folder can
be written to.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.descriptors import RAISE, is_exhaustion
from pyload.errors import CertificateError, UsageError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate with its key.

    Attributes:
        key: Private key in PEM.
        chain: Certificates in PEM, the leaf first.
    """

    key: bytes
    chain: bytes

    def __repr__(self) -> str:
        return f"KeyPair({len(self.chain)} bytes)"

    def load_into(self, context: ssl.SSLContext) -> None:
        """Let a context show the certificate.

        Raises:
            UsageError: It cannot be read, or the key is not that of the certificate.
            CertificateError: No more files can be opened, be it in memory.
        """
        try:
            with _as_file(self.chain) as chain, _as_file(self.key) as key:
                context.load_cert_chain(chain, key, password=_no_password)
        except ValueError as error:
            raise UsageError(f"the client certificate cannot be used: {error}") from error
        except OSError as error:
            if is_exhaustion(error):
                raise CertificateError(
                    "the client certificate cannot be used: too many open files", fix=RAISE
                ) from error
            # OpenSSL names no reason for what is not PEM; with a pipe, it is another error.
            reason = getattr(error, "reason", None) or "it or its key is not PEM"
            raise UsageError(
                f"the client certificate cannot be used: {_REASONS.get(reason, reason)}"
            ) from error


_REASONS: Final = {"KEY_VALUES_MISMATCH": "the key is not that of the certificate"}


@contextlib.contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    descriptor = os.memfd_create("pyload", os.MFD_CLOEXEC)
    try:
        # A key is short, and memory takes all of it at once.
        os.write(descriptor, data)
        yield f"/dev/fd/{descriptor}"
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _as_pipe(data: bytes) -> Iterator[str]:
    reading, writing = os.pipe()
    # In a thread, as a pipe may hold less than a long chain.
    writer = threading.Thread(target=_write, args=(writing, data), name="pyload-key", daemon=True)
    try:
        writer.start()
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)
        writer.join()


def _write(writing: int, data: bytes) -> None:
    # A reader that finds a mistake in the first lines does not want the others.
    with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb", buffering=0) as pipe:
        pipe.write(data)


_as_file: Callable[[bytes], AbstractContextManager[str]] = (
    _in_memory if hasattr(os, "memfd_create") else _as_pipe
)


def _no_password() -> str:
    # OpenSSL would ask at the terminal.
    raise ValueError("the key is encrypted")
