"""Reading config files: the only input of this package."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyload.config.parse import parse_config
from pyload.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.config.parse import Loaded

MAX_BYTES: Final = 16 << 20


def load_config(
    path: str, *, lenient: bool = False, environ: Mapping[str, str] | None = None
) -> Loaded:
    """Read a config file.

    Args:
        path: The file; ``-`` is standard input.
        lenient: Whether unknown keys are only warned of.
        environ: The variables that templates may read; None for none.

    Raises:
        ConfigError: The file cannot be read, or has problems.
    """
    loaded = parse_config(read_bytes(path), source=path, lenient=lenient)
    return replace(loaded, config=replace(loaded.config, environ=environ))


def read_bytes(path: str) -> bytes:
    """Read the bytes of a config file; ``-`` is standard input.

    Raises:
        ConfigError: There is no such file, it cannot be read, or is larger than 16 MiB.
    """
    try:
        if path == "-":
            if sys.stdin is None:
                raise _unreadable(path, "standard input is closed", "")
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(path, "rb") as file:  # noqa: PTH123 - the path is kept as the user wrote it
                data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, *_reason(error)) from error
    if len(data) > MAX_BYTES:
        raise _unreadable(path, "it is larger than 16 MiB", "is this a config file?")
    return data


def _reason(error: OSError | ValueError) -> tuple[str, str]:
    match error:
        case FileNotFoundError():
            return "there is no such file", "check the path"
        case IsADirectoryError():
            return "it is a directory", "name the file in it"
        case PermissionError():
            return "permission denied", "make it readable for this user"
        case OSError(strerror=str(text)):
            return text.lower(), ""
    return "the name is not a valid path", ""


def _unreadable(path: str, why: str, fix: str) -> ConfigError:
    # Scripts look for these first words of the Go tool.
    return ConfigError((Problem(path, 0, 0, f"failed to read config file: {why}", fix),))
