"""Tests of reading config files."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from pyload.config.file import MAX_BYTES, load_config
from pyload.errors import ConfigError


class Standard:
    """Stands in for `sys.stdin`."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def problem(path: str) -> str:
    """Return the problem of a file that cannot be read."""
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    (one,) = caught.value.problems
    return str(one)


def test_reads_a_file(tmp_path: Path) -> None:
    """No config would load."""
    path = tmp_path / "a.yaml"
    path.write_text("nodes: [{count: 3}]")
    assert load_config(str(path)).config.nodes[0].count == 3


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--config -` would look for a file named `-`."""
    monkeypatch.setattr(sys, "stdin", Standard(b"nodes: [{count: x}]"))
    assert problem("-").startswith("-:1:17: `count` takes a whole number")


def test_closed_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without standard input would end in a traceback."""
    monkeypatch.setattr(sys, "stdin", None)
    assert problem("-") == "-: failed to read config file: standard input is closed"


def test_says_why_a_file_cannot_be_read(tmp_path: Path) -> None:
    """The user would get a traceback instead of the reason."""
    missing = str(tmp_path / "missing.yaml")
    assert problem(missing) == (
        f"{missing}: failed to read config file: there is no such file; check the path"
    )
    assert problem(str(tmp_path)) == (
        f"{tmp_path}: failed to read config file: it is a directory; name the file in it"
    )
    assert problem("a\0b") == (
        "a\0b: failed to read config file: the name is not a valid path"
    )  # fmt: skip
    assert problem("a" * 300).endswith("failed to read config file: file name too long")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_says_that_a_file_may_not_be_read(tmp_path: Path) -> None:
    """The user would look for the mistake in the path."""
    path = tmp_path / "a.yaml"
    path.touch(mode=0)
    assert problem(str(path)).endswith(": permission denied; make it readable for this user")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_an_endless_file_is_refused() -> None:
    """Memory would run out."""
    assert problem("/dev/zero") == (
        "/dev/zero: failed to read config file: it is larger than 16 MiB; is this a config file?"
    )


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    """The limit would hit a file that is just small enough."""
    path = tmp_path / "a.yaml"
    path.write_bytes(b"nodes: []\n#".ljust(MAX_BYTES, b" "))
    assert load_config(str(path)).dialect == "classic"
