"""Large messages, recorded once however many streams receive them.

Messages that begin alike share the record of what they have in common: it is a tree of pieces, in
which a piece is followed by one other for each way in which messages go on::

    version 7, clusters 1 to 400 ──┬─ inbound clusters of app a
                                   └─ inbound clusters of app b

Streams that are in the middle of a message hold the piece they have come to. When another message
parts from it further ahead, the piece is cut in two there: the object they hold becomes the later
half, and `PrefixNode.at` finds the earlier one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_BYTES: Final = 64
"""Bytes at the start of a large message by which its tree is found: a version is among them."""
TRIAL_MESSAGES: Final = 32
"""Messages of a tree of which one must have been like another."""
SHORT_TRIAL_MESSAGES: Final = 8
"""So many may be all different, however long they are."""
IDLE_MESSAGES: Final = 200
"""Messages without it, beyond eight for each that it had, after which a tree is old."""
IDLE_MESSAGES_PER_USE: Final = 8
RETRIAL_MESSAGES: Final = 1024
"""Messages after which one that was no good is tried again."""


class PrefixTree:
    """The messages that have their first `KEY_BYTES` bytes in common.

    Attributes:
        first: The piece that begins them all.
        count: Messages that have begun.
        last: When the last one began, in messages of all trees.
        matched: Whether one was like another before it.
        diverse: Whether none was. Endpoints are an example: istiod sends them in the order of a
            Go map, another each time.
        recorded: Bytes of its pieces.
        size: The same, and of what is known of its messages.
        cached: Whether it is among the `PrefixCache` yet.
    """

    __slots__ = (
        "_cache",
        "_ended",
        "cached",
        "count",
        "diverse",
        "first",
        "last",
        "matched",
        "recorded",
        "size",
    )

    def __init__(self, head: bytes, cache: PrefixCache) -> None:
        self._cache = cache
        self._ended = 0
        self.count = 0
        self.last = 0
        self.matched = False
        self.diverse = False
        self.recorded = 0
        self.size = 0
        self.cached = True
        self.first = PrefixNode(bytearray(head), 0, self, None)
        self.grow(len(head))

    def begin(self, now: int) -> None:
        """Count a message that begins."""
        self.count += 1
        self.last = now

    def end(self, length: int, recorded: int) -> None:
        """Take the end of a message, so many bytes of which had to be recorded."""
        if recorded * 8 < length:
            self.matched = True
        self._ended += 1
        judged = self._ended >= TRIAL_MESSAGES or (
            self._ended >= SHORT_TRIAL_MESSAGES and self.recorded > self._cache.limit // 8
        )
        self.diverse = judged and not self.matched

    def grow(self, size: int) -> None:
        """Count so many bytes of pieces more."""
        self.recorded += size
        self.charge(size)

    def charge(self, size: int) -> None:
        """Count so many bytes more of whatever kind."""
        self.size += size
        if self.cached:
            self._cache.size += size

    def forget(self) -> None:
        """Leave it to those streams that are in the middle of its messages."""
        self._cache.size -= self.size
        self.cached = False
        for node in list(self._all()):
            # Pieces that know each other both ways would wait for the garbage collector.
            if node.following is not None:
                node.following = {}

    def _all(self) -> Iterator[PrefixNode]:
        left = [self.first]
        while left:
            node = left.pop()
            left += (node.following or {}).values()
            yield node


class PrefixNode:
    """A piece of messages.

    Attributes:
        data: Its bytes so far; a piece that nothing follows may still grow.
        start: Where it stands in its messages.
        tree: It is of that.
        before: The piece before it; None for the first.
        following: Those after it, by their first byte; None if there never was one.
        annotations: What is known of the messages whose shared part ends in it, by the place where.
    """

    __slots__ = ("annotations", "before", "data", "following", "start", "tree")

    def __init__(
        self, data: bytearray, start: int, tree: PrefixTree, before: PrefixNode | None
    ) -> None:
        self.data = data
        self.start = start
        self.tree = tree
        self.before = before
        self.following: dict[int, PrefixNode] | None = None
        self.annotations: dict[int, Any] | None = None

    def at(self, place: int) -> PrefixNode:
        """Give the piece on the way to this one whose bytes end at a place, or reach over it."""
        node = self
        while place <= node.start and node.before is not None:
            node = node.before
        return node

    def follow(self, place: int, more: memoryview) -> PrefixNode:
        """Go on from a place with the bytes that come next, and record what is new of them.

        Args:
            place: Where the bytes stand in the message; on the way to this piece, or in it.
            more: They; not kept.

        Returns:
            The piece in which they end.
        """
        node = self.at(place)
        while more:
            offset = place - node.start
            known = len(node.data) - offset
            if not known:
                after = None if node.following is None else node.following.get(more[0])
                if after is None:
                    return _grown(node, more)
                node = after
                continue
            size = min(known, len(more))
            if not node.data.startswith(more if size == len(more) else more[:size], offset):
                size = _common_length(node.data, offset, more)
                node = _cut(node, offset + size)
            place += size
            more = more[size:]
        return node

    def until(self, place: int, tail: bytes) -> bytes:
        """Put the bytes before a place and those behind it together: a copy."""
        pieces: list[memoryview | bytes] = [tail]
        node: PrefixNode | None = self
        while node is not None:
            if place > node.start:
                pieces.append(memoryview(node.data)[: place - node.start])
                place = node.start
            node = node.before
        pieces.reverse()
        return b"".join(pieces)


class PrefixCache:
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
        self._trees: OrderedDict[bytes, PrefixTree] = OrderedDict()
        self._begun = 0

    def begin(self, head: bytes, length: int) -> PrefixNode | None:
        """Give the first piece of messages that begin so; None if they are better not recorded.

        Args:
            head: The first `KEY_BYTES` bytes of a message.
            length: Bytes of the whole message.
        """
        self.limit = max(self.limit, 4 * length)
        self._begun += 1
        tree = self._trees.get(head)
        if tree is not None and (
            tree.size * 4 > self.limit * 3 or (tree.diverse and tree.count > RETRIAL_MESSAGES)
        ):
            tree.forget()
            tree = None
        if tree is None:
            tree = self._trees[head] = PrefixTree(head, self)
        tree.begin(self._begun)
        self._trees.move_to_end(head)
        self._tidy()
        return None if tree.diverse else tree.first

    def _tidy(self) -> None:
        """Forget what has become too much or too old, but the newest."""
        while len(self._trees) > 1:
            head, oldest = next(iter(self._trees.items()))
            if (
                self.size <= self.limit
                and self._begun - oldest.last < IDLE_MESSAGES + 8 * oldest.count
            ):
                return
            del self._trees[head]
            oldest.forget()


PREFIX_CACHE: Final = PrefixCache()
"""Shared by all streams of the process that name no other."""


def _grown(node: PrefixNode, more: memoryview) -> PrefixNode:
    """Record bytes behind a piece."""
    node.tree.grow(len(more))
    if node.following is None:
        node.data += more
        return node
    after = PrefixNode(bytearray(more), node.start + len(node.data), node.tree, node)
    if node.tree.cached:
        node.following[more[0]] = after
    return after


def _cut(node: PrefixNode, offset: int) -> PrefixNode:
    """Cut a piece in two, of which it is the later one then, and give the earlier."""
    tree, before = node.tree, node.before
    earlier = PrefixNode(node.data[:offset], node.start, tree, before)
    if before is None:
        tree.first = earlier
    elif tree.cached:
        assert before.following is not None
        before.following[earlier.data[0]] = earlier
    del node.data[:offset]
    node.start += offset
    node.before = earlier
    earlier.following = {node.data[0]: node} if tree.cached else {}
    if node.annotations is not None:
        ends = [end for end in node.annotations if end <= node.start]
        earlier.annotations = {end: node.annotations.pop(end) for end in ends}
    return earlier


def _common_length(data: bytearray, offset: int, more: memoryview) -> int:
    """Count the bytes until a record and new bytes differ, which they do somewhere."""
    low, high = 0, min(len(data) - offset, len(more))
    while low + 1 < high:
        middle = (low + high) // 2
        if data.startswith(more[low:middle], offset + low):
            low = middle
        else:
            high = middle
    return low
