"""A captured cluster on disk: read once, ready to be replayed kind by kind."""

from __future__ import annotations

import errno
import selectors
import sys
import tempfile
from array import array
from collections import Counter
from contextlib import ExitStack
from io import FileIO
from typing import TYPE_CHECKING, Final, Self

import orjson

from pyload.commands.reproduce.capture import (
    ENDPOINT_SLICE,
    ENDPOINTS,
    ORDER,
    POD,
    Ignored,
    decide_object,
    read_piece,
    service_of,
)
from pyload.errors import ConfigError, Interrupted, Problem
from pyload.kube.documents import split
from pyload.kube.resources import NAMESPACES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from pyload.kube.resources import GroupKind, Obj

_CHUNK: Final = 1 << 20
_PATIENCE: Final = 0.2
"""Seconds after which a silent pipe is left, if the user wants to end."""


class CaptureSpool:
    """The objects of a capture, in an unnamed temporary file.

    Use as a context manager: leaving it removes the file. All its methods block.

    Attributes:
        ignored: Objects of kinds that are not replayed, by kind.
        skipped: Objects that are not replayed for another reason, by kind and reason.
        namespaces: The namespaces of the objects that are created.
    """

    def __init__(self) -> None:
        self.ignored: Counter[str] = Counter()
        self.skipped: Counter[tuple[str, str]] = Counter()
        self.namespaces: set[str] = set()
        self._file = tempfile.TemporaryFile(prefix="pyload-")  # noqa: SIM115 - closed by __exit__
        # Begin and length of each object in the file.
        self._places: dict[GroupKind, array[int]] = {kind: array("Q") for kind in ORDER}
        self._with_endpoints: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def count(self, kind: GroupKind) -> int:
        """Count the objects of one kind."""
        return len(self._places[kind]) // 2

    def load(self, path: str, *, config_only: bool, stopped: Callable[[], bool]) -> None:
        """Read a capture, all of it before anything is done.

        Args:
            path: The file; ``-`` is standard input.
            config_only: Create pods as objects, instead of running proxies for them.
            stopped: Tells whether the user wants to end.

        Raises:
            ConfigError: The file cannot be read, or holds something else.
            Interrupted: The user wanted to end.
        """
        with ExitStack() as stack:
            try:
                file = stack.enter_context(_open(path))
                chunks = _chunks(file, stopped)
                self._load(chunks, path, config_only=config_only, stopped=stopped)
            except OSError as error:
                what = (error.strerror or str(error)).lower()
                raise ConfigError((Problem(path, 0, 0, what, "check the path"),)) from error

    def _load(
        self,
        chunks: Iterable[bytes],
        source: str,
        *,
        config_only: bool,
        stopped: Callable[[], bool],
    ) -> None:
        for piece in split(chunks, source=source):
            if stopped():
                raise Interrupted("interrupted while the file was being read")
            for obj in read_piece(piece, source=source):
                self.add(obj, source=source, line=piece.line, config_only=config_only)

    def add(self, obj: Obj, *, source: str, line: int, config_only: bool) -> None:
        """Add an object that `read_piece` returned.

        Raises:
            ConfigError: A part of it has a wrong type.
        """
        try:
            self._add(obj, config_only=config_only)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # There are no schemas here; a wrong type shows where it is used.
            name = f"{obj['kind']} {obj['metadata']['name']}"
            what = f"cannot parse message: {name} is not valid ({error!r})"
            raise ConfigError((Problem(source, line, 1, what),)) from error

    def _add(self, obj: Obj, *, config_only: bool) -> None:
        decided = decide_object(obj, config_only=config_only)
        if isinstance(decided, Ignored):
            if decided.reason:
                self.skipped[str(decided.kind), decided.reason] += 1
            else:
                self.ignored[str(decided.kind)] += 1
            return
        if decided.kind == ENDPOINTS:
            service = service_of(decided.kind, obj)
            assert service is not None
            self._with_endpoints.add(service)
        if decided.kind != POD or config_only:
            metadata = decided.obj["metadata"]
            key = "name" if decided.kind == NAMESPACES.group_kind else "namespace"
            self.namespaces.add(metadata.get(key) or "default")
        data = orjson.dumps(decided.obj)
        self._places[decided.kind].extend((self._file.tell(), len(data)))
        self._file.write(data)

    def drop_doubled_slices(self) -> None:
        """Leave out endpoint slices of services whose Endpoints are replayed.

        Kubernetes makes slices of those Endpoints itself.
        """
        kept = array("Q")
        for begin, length, obj in self._read(ENDPOINT_SLICE):
            if service_of(ENDPOINT_SLICE, obj) in self._with_endpoints:
                self.skipped[str(ENDPOINT_SLICE), "made of the Endpoints"] += 1
            else:
                kept.extend((begin, length))
        self._places[ENDPOINT_SLICE] = kept

    def read(self, kind: GroupKind, *, start: int = 0, stop: int | None = None) -> list[Obj]:
        """Read objects of one kind, in the order of the file.

        Args:
            kind: The kind.
            start: First of them to read, counted from 0.
            stop: First of them not to read; None for all.
        """
        return [obj for _, _, obj in self._read(kind, start, stop)]

    def _read(
        self, kind: GroupKind, start: int = 0, stop: int | None = None
    ) -> Iterator[tuple[int, int, Obj]]:
        places = self._places[kind]
        for index in range(
            start, self.count(kind) if stop is None else min(stop, self.count(kind))
        ):
            begin, length = places[2 * index], places[2 * index + 1]
            self._file.seek(begin)
            yield begin, length, orjson.loads(self._file.read(length))
        self._file.seek(0, 2)

    def plan(self, *, config_only: bool) -> Obj:
        """Return what would be replayed, as JSON."""
        kinds = {
            str(kind): self.count(kind)
            for kind in ORDER
            if self.count(kind) and (config_only or kind != POD)
        }
        return {
            "objects": {"total": sum(kinds.values()), "kinds": kinds},
            "proxies": {"total": 0 if config_only else self.count(POD)},
            "skipped": [
                {"kind": str(kind), "reason": reason, "count": count}
                for (kind, reason), count in sorted(self.skipped.items())
            ],
            "ignored": {str(kind): count for kind, count in sorted(self.ignored.items())},
        }

    def text(self, *, config_only: bool) -> str:
        """Describe for a terminal what would be replayed."""
        lines = [
            f"create {self.count(kind):>7} {kind}"
            for kind in ORDER
            if self.count(kind) and (config_only or kind != POD)
        ]
        if self.count(POD) and not config_only:
            lines.append(f"run    {self.count(POD):>7} proxies")
        lines += [
            f"skip   {count:>7} {kind}: {reason}"
            for (kind, reason), count in sorted(self.skipped.items())
        ]
        lines += [
            f"ignore {count:>7} {kind}: this kind is not replayed"
            for kind, count in sorted(self.ignored.items())
        ]
        return "\n".join(lines) or "there is nothing to replay"


def _open(path: str) -> FileIO:
    if path != "-":
        return FileIO(path)
    if sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed")
    return FileIO(sys.stdin.fileno(), closefd=False)


def _chunks(file: FileIO, stopped: Callable[[], bool]) -> Iterator[bytes]:
    """Read a file to its end, or until the user has enough of waiting for a silent pipe."""
    with selectors.PollSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        while not stopped():
            if not selector.select(_PATIENCE):
                continue
            chunk = file.read(_CHUNK)
            if not chunk:
                break
            yield chunk
    if stopped():
        raise Interrupted("interrupted while the file was being read")
