"""Cuts files of Kubernetes objects into single objects, however large the files are.

Understood are YAML documents, the items of a YAML ``List`` as kubectl writes it, JSON lines, a JSON
array, and a JSON ``List``. What a piece means is for others to read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.errors import ConfigError, Problem
from pyload.kube.json_pieces import JsonPieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGEST: Final = 64 << 20
"""Bytes of one object; an API server takes 3 MB."""

_MARKER: Final = re.compile(rb"(---|\.\.\.)(?=[ \t\r\n]|\Z)")
_ITEMS: Final = re.compile(rb"""(["']?)items\1:[ \t]*(#.*)?\r?\n?\Z""")
_ITEM: Final = re.compile(rb"( *)-(?=[ \r\n]|\Z)")
_BLANK: Final = re.compile(rb"[ \t]*(#.*)?\r?\n?\Z")
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one object, or of nothing but comments.

    Attributes:
        data: The text.
        line: Where it begins in the file, counted from 1.
        is_json: Whether it is JSON.
    """

    data: bytes
    line: int
    is_json: bool


def split(chunks: Iterable[bytes], *, source: str) -> Iterator[Piece]:
    """Cut a file into pieces, holding no more than one piece and one chunk at a time.

    Args:
        chunks: The file's bytes in UTF-8, cut anywhere.
        source: The file as the user named it.

    Raises:
        ConfigError: An object is larger than 64 MiB, or the file is neither YAML nor JSON.
    """
    stream = iter(chunks)
    start = b""
    for chunk in stream:
        start += chunk
        if start.removeprefix(_BOM).strip():
            break
    start = start.removeprefix(_BOM)
    if start.lstrip()[:1] in (b"{", b"["):
        yield from _split_json(_chain(start, stream), source)
    else:
        yield from _split_yaml(_chain(start, stream), source)


def _chain(start: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield start
    yield from rest


def _split_json(chunks: Iterable[bytes], source: str) -> Iterator[Piece]:
    pieces = JsonPieces()
    for chunk in chunks:
        for line, data in pieces.feed(chunk):
            yield Piece(data, line, is_json=True)
        if pieces.problem:
            break
        if len(pieces) > LARGEST:
            raise _too_large(source, pieces.line)
    pieces.end()
    if pieces.problem:
        fix = "give what `kubectl get -o yaml` or `-o json` prints"
        raise ConfigError((Problem(source, pieces.line, 1, pieces.problem, fix),))


def _split_yaml(chunks: Iterable[bytes], source: str) -> Iterator[Piece]:
    splitter = _YamlLines(source)
    begun = b""
    for chunk in chunks:
        *lines, begun = (begun + chunk).split(b"\n")
        for line in lines:
            yield from splitter.feed(line + b"\n")
        if len(begun) > LARGEST:
            raise _too_large(source, splitter.line)
    if begun:
        yield from splitter.feed(begun)
    yield from splitter.end()


def _too_large(source: str, line: int) -> ConfigError:
    what = f"an object is larger than {LARGEST >> 20} MiB"
    return ConfigError((Problem(source, line, 1, what, "is this a file of Kubernetes objects?"),))


class _YamlLines:
    """Joins lines to documents, and to the items of lists.

    In YAML, column 0 is reserved for markers and top-level keys, even within block scalars. The
    end of an object is therefore found without parsing.
    """

    def __init__(self, source: str) -> None:
        self.line = 0
        self._source = source
        self._lines: list[bytes] = []
        self._size = 0
        self._begin = 1
        # Column of the dashes of the list that is being read; -1 before the first, None outside.
        self._dash: int | None = None

    def feed(self, line: bytes) -> Iterator[Piece]:
        """Feed one line, with its newline."""
        self.line += 1
        marker = _MARKER.match(line)
        if marker is not None:
            yield from self.end()
            line = b"   " + line[3:]
        elif line[:1] == b"%" and not self._lines:
            # A directive, such as the version of YAML.
            return
        elif self._dash is not None:
            yield from self._feed_in_list(line, self._dash)
            return
        elif _ITEMS.match(line):
            self._dash = -1
        self._add(line)

    def _feed_in_list(self, line: bytes, dash: int) -> Iterator[Piece]:
        item = _ITEM.match(line)
        if item is not None and (dash < 0 or len(item[1]) == dash):
            if dash < 0:
                # The keys of the list itself are ignored.
                self._lines.clear()
                self._dash = dash = len(item[1])
            yield from self._flush()
            line = line[:dash] + b" " + line[dash + 1 :]
        elif dash < 0 and not _BLANK.match(line):
            # The value of `items` is not a list in block style: an object like any other.
            self._dash = None
        elif line[:1] not in b" \t\r\n#":
            # A key of the list's own follows the items.
            yield from self._flush()
            self._dash = None
        self._add(line)

    def end(self) -> Iterator[Piece]:
        """Handle the end of the document."""
        yield from self._flush()
        self._dash = None

    def _add(self, line: bytes) -> None:
        if not self._lines:
            if _BLANK.match(line):
                return
            self._begin, self._size = self.line, 0
        self._lines.append(line)
        self._size += len(line)
        if self._size > LARGEST:
            raise _too_large(self._source, self._begin)

    def _flush(self) -> Iterator[Piece]:
        lines, self._lines = self._lines, []
        if lines:
            yield Piece(b"".join(lines), self._begin, is_json=False)
