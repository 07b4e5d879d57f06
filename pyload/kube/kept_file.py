"""Files with credentials, which may be replaced, or swept away, at any time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

REREAD_SECONDS: Final = 50.0
"""How often files with credentials are read again, as client-go does with tokens."""

log = logging.getLogger("pyload.kube")


class KeptFile:
    """A file whose last content serves where it cannot be read any more.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._content = b""

    def read(self) -> bytes:
        """Return what is in the file now.

        Raises:
            OSError: It cannot be read, and could not before.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            if not self._content:
                raise
            log.warning("%s cannot be read any more: %s", self.path, error.strerror or error)
            return self._content
        # A file that is just being replaced may be empty for a moment.
        if content.strip():
            self._content = content
        return self._content
