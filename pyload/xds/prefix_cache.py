"""Large messages, recorded once however many streams receive them.

Messages that begin alike share the record of what they have in common: it is a tree of pieces, in
which a piece is followed by one other for each way in which messages go on::

    version 7, clusters 1 to 400 ──┬─ inbound clusters of app a
                                   └─ inbound clusters of app b

Streams that are in the middle of a message hold the piece they have come to. When another message
parts from it further ahead, the piece is cut in two there: the object they hold becomes the later
half, and `Body.at` finds the earlier one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD: Final = 64
"""Bytes at the start of a large message by which its tree is found: a version is among them."""
ENOUGH: Final = 32
"""Messages of a tree of which one must have been like another."""
FEW: Final = 8
"""So many may be all different, however long they are."""
AGE: Final = 200
"""Messages without it, beyond eight for each that it had, after which a tree is old."""
PATIENCE: Final = 1024
"""Messages after which one that was no good is tried again."""


class Tree:
    """The messages that have their first `HEAD` bytes in common.

    Attributes:
        first: The piece that begins them all.
        count: Messages that have begun.
        last: When the last one began, in messages of all trees.
        alike: Whether one was like another before it.
        scattered: Whether none was. Endpoints are an example: istiod sends them in the order of a
            Go map, another each time.
        recorded: Bytes of its pieces.
        size: The same, and of what is known of its messages.
        kept: Whether it is among the `Bodies` yet.
    """

    __slots__ = (
        "_bodies",
        "_ended",
        "alike",
        "count",
        "first",
        "kept",
        "last",
        "recorded",
        "scattered",
        "size",
    )

    def __init__(self, head: bytes, bodies: Bodies) -> None:
        self._bodies = bodies
        self._ended = 0
        self.count = 0
        self.last = 0
        self.alike = False
        self.scattered = False
        self.recorded = 0
        self.size = 0
        self.kept = True
        self.first = Body(bytearray(head), 0, self, None)
        self.grow(len(head))

    def begin(self, now: int) -> None:
        """Count a message that begins."""
        self.count += 1
        self.last = now

    def end(self, length: int, recorded: int) -> None:
        """Take the end of a message, so many bytes of which had to be recorded."""
        if recorded * 8 < length:
            self.alike = True
        self._ended += 1
        judged = self._ended >= ENOUGH or (
            self._ended >= FEW and self.recorded > self._bodies.limit // 8
        )
        self.scattered = judged and not self.alike

    def grow(self, size: int) -> None:
        """Count so many bytes of pieces more."""
        self.recorded += size
        self.charge(size)

    def charge(self, size: int) -> None:
        """Count so many bytes more of whatever kind."""
        self.size += size
        if self.kept:
            self._bodies.size += size

    def forget(self) -> None:
        """Leave it to those streams that are in the middle of its messages."""
        self._bodies.size -= self.size
        self.kept = False
        for body in list(self._all()):
            # Pieces that know each other both ways would wait for the garbage collector.
            if body.following is not None:
                body.following = {}

    def _all(self) -> Iterator[Body]:
        left = [self.first]
        while left:
            body = left.pop()
            left += (body.following or {}).values()
            yield body


class Body:
    """A piece of messages.

    Attributes:
        data: Its bytes so far; a piece that nothing follows may still grow.
        start: Where it stands in its messages.
        tree: It is of that.
        before: The piece before it; None for the first.
        following: Those after it, by their first byte; None if there never was one.
        facts: What is known of the messages whose shared part ends in it, by the place where.
    """

    __slots__ = ("before", "data", "facts", "following", "start", "tree")

    def __init__(self, data: bytearray, start: int, tree: Tree, before: Body | None) -> None:
        self.data = data
        self.start = start
        self.tree = tree
        self.before = before
        self.following: dict[int, Body] | None = None
        self.facts: dict[int, Any] | None = None

    def at(self, place: int) -> Body:
        """Give the piece on the way to this one whose bytes end at a place, or reach over it."""
        body = self
        while place <= body.start and body.before is not None:
            body = body.before
        return body

    def follow(self, place: int, more: memoryview) -> Body:
        """Go on from a place with the bytes that come next, and record what is new of them.

        Args:
            place: Where the bytes stand in the message; on the way to this piece, or in it.
            more: They; not kept.

        Returns:
            The piece in which they end.
        """
        body = self.at(place)
        while more:
            offset = place - body.start
            known = len(body.data) - offset
            if not known:
                after = None if body.following is None else body.following.get(more[0])
                if after is None:
                    return _grown(body, more)
                body = after
                continue
            size = min(known, len(more))
            if not body.data.startswith(more if size == len(more) else more[:size], offset):
                size = _alike(body.data, offset, more)
                body = _cut(body, offset + size)
            place += size
            more = more[size:]
        return body

    def until(self, place: int, tail: bytes) -> bytes:
        """Put the bytes before a place and those behind it together: a copy."""
        pieces: list[memoryview | bytes] = [tail]
        body: Body | None = self
        while body is not None:
            if place > body.start:
                pieces.append(memoryview(body.data)[: place - body.start])
                place = body.start
            body = body.before
        pieces.reverse()
        return b"".join(pieces)


class Bodies:
    """The trees, the least recently used forgotten first.

    A tree is forgotten too when many messages have begun since it was last used: a new version has
    come, and nobody will send the old one again.

    Args:
        limit: Bytes to keep. A tree that alone has three quarters of it is begun anew.

    Attributes:
        limit: As above, or four times the longest message if that is more.
        size: Bytes that are kept.
    """

    def __init__(self, *, limit: int = 64 << 20) -> None:
        self.limit = limit
        self.size = 0
        self._trees: OrderedDict[bytes, Tree] = OrderedDict()
        self._begun = 0

    def begin(self, head: bytes, length: int) -> Body | None:
        """Give the first piece of messages that begin so; None if they are better not recorded.

        Args:
            head: The first `HEAD` bytes of a message.
            length: Bytes of the whole message.
        """
        self.limit = max(self.limit, 4 * length)
        self._begun += 1
        tree = self._trees.get(head)
        if tree is not None and (
            tree.size * 4 > self.limit * 3 or (tree.scattered and tree.count > PATIENCE)
        ):
            tree.forget()
            tree = None
        if tree is None:
            tree = self._trees[head] = Tree(head, self)
        tree.begin(self._begun)
        self._trees.move_to_end(head)
        self._tidy()
        return None if tree.scattered else tree.first

    def _tidy(self) -> None:
        """Forget what has become too much or too old, but the newest."""
        while len(self._trees) > 1:
            head, oldest = next(iter(self._trees.items()))
            if self.size <= self.limit and self._begun - oldest.last < AGE + 8 * oldest.count:
                return
            del self._trees[head]
            oldest.forget()


BODIES: Final = Bodies()
"""Shared by all streams of the process that name no other."""


def _grown(body: Body, more: memoryview) -> Body:
    """Record bytes behind a piece."""
    body.tree.grow(len(more))
    if body.following is None:
        body.data += more
        return body
    after = Body(bytearray(more), body.start + len(body.data), body.tree, body)
    if body.tree.kept:
        body.following[more[0]] = after
    return after


def _cut(body: Body, offset: int) -> Body:
    """Cut a piece in two, of which it is the later one then, and give the earlier."""
    tree, before = body.tree, body.before
    earlier = Body(body.data[:offset], body.start, tree, before)
    if before is None:
        tree.first = earlier
    elif tree.kept:
        assert before.following is not None
        before.following[earlier.data[0]] = earlier
    del body.data[:offset]
    body.start += offset
    body.before = earlier
    earlier.following = {body.data[0]: body} if tree.kept else {}
    if body.facts is not None:
        ends = [end for end in body.facts if end <= body.start]
        earlier.facts = {end: body.facts.pop(end) for end in ends}
    return earlier


def _alike(data: bytearray, offset: int, more: memoryview) -> int:
    """Count the bytes until a record and new bytes differ, which they do somewhere."""
    low, high = 0, min(len(data) - offset, len(more))
    while low + 1 < high:
        middle = (low + high) // 2
        if data.startswith(more[low:middle], offset + low):
            low = middle
        else:
            high = middle
    return low
