"""Large messages, recorded once however many streams receive them.

Proxies of a mesh receive messages that begin with the same bytes and part at some place. So the
record is a radix tree: a node holds a run of bytes, and its children the different ways in which
messages go on behind it::

    version 7, clusters 1 to 400 ──┬─ inbound clusters of app a
                                   └─ inbound clusters of app b

The cache has one tree for each *key*, the first `KEY_BYTES` of a message, in which the version of
a push stands. A stream asks for a tree with `PrefixCache.begin`, and then moves from node to node
with `PrefixNode.follow`, which compares what has come and records what is new.

Streams that are in the middle of a message hold the node that they have come to, so nodes must
never be replaced under them. When another message parts from it further ahead, the node is split:
the object that they hold becomes the later half, and `PrefixNode.at` finds the earlier one.

Not every kind of message is worth a record. A tree has *matched* once a message hardly had to be
recorded, since another like it had come before; a tree in which none has after a number of messages
is *diverse*, and its messages are then copied. Trees are forgotten when they are old, when the
cache is full, or when one of them fills most of it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_BYTES: Final = 64
"""Bytes at the start of a large message by which its tree is found: a version is among them."""
TRIAL_MESSAGES: Final = 32
"""Messages after which a tree is judged: if none of them matched, it is diverse."""
SHORT_TRIAL_MESSAGES: Final = 8
"""The same for a tree whose nodes use more than an eighth of the cache's limit."""
RETRIAL_MESSAGES: Final = 1024
"""Messages after which a diverse tree is recorded anew: what it receives may have changed."""
IDLE_MESSAGES: Final = 200
"""Messages of other trees after which a tree is forgotten, as its version is probably over."""
IDLE_MESSAGES_PER_USE: Final = 8
"""Further messages of other trees that a tree may wait for each message that it had itself."""


class PrefixTree:
    """The record of all messages with the same key.

    Attributes:
        first: The node with which all of them begin.
        count: How many messages have begun.
        last: When the last one began, counted in messages of all trees.
        matched: Whether a message was hardly different from one before it.
        diverse: Whether no message was, so that recording them is of no use. Endpoints are an
            example: istiod sends them in the order of a Go map, another each time.
        recorded: Bytes of the nodes.
        size: Bytes of the nodes and of the annotations.
        cached: Whether the tree belongs to its `PrefixCache` still.
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

    def __init__(self, key: bytes, cache: PrefixCache) -> None:
        self._cache = cache
        self._ended = 0
        self.count = 0
        self.last = 0
        self.matched = False
        self.diverse = False
        self.recorded = 0
        self.size = 0
        self.cached = True
        self.first = PrefixNode(bytearray(key), 0, self, None)
        self.grow(len(key))

    def begin(self, now: int) -> None:
        """Count a message that begins."""
        self.count += 1
        self.last = now

    def end(self, length: int, recorded: int) -> None:
        """Record that a message has ended, and judge the tree.

        Args:
            length: Bytes of its shared part.
            recorded: How many of them its stream had to record.
        """
        if recorded * 8 < length:
            self.matched = True
        self._ended += 1
        judged = self._ended >= TRIAL_MESSAGES or (
            self._ended >= SHORT_TRIAL_MESSAGES and self.recorded > self._cache.limit // 8
        )
        self.diverse = judged and not self.matched

    def grow(self, size: int) -> None:
        """Count bytes that nodes use in addition."""
        self.recorded += size
        self.charge(size)

    def charge(self, size: int) -> None:
        """Count bytes that nodes or annotations use in addition."""
        self.size += size
        if self.cached:
            self._cache.size += size

    def forget(self) -> None:
        """Leave the cache; streams in the middle of a message keep the nodes that they hold."""
        self._cache.size -= self.size
        self.cached = False
        for node in list(self._all()):
            # Nodes that refer to each other both ways would wait for the garbage collector.
            if node.following is not None:
                node.following = {}

    def _all(self) -> Iterator[PrefixNode]:
        left = [self.first]
        while left:
            node = left.pop()
            left += (node.following or {}).values()
            yield node


class PrefixNode:
    """A run of bytes that messages have in common.

    Attributes:
        data: The bytes so far; a node without children may still grow.
        start: Where the bytes stand in their messages.
        tree: The tree that the node is a part of.
        before: The node before this one; None for the first.
        following: The nodes behind this one, by their first byte; None before the first of them.
        annotations: The annotations of messages whose shared part ends in this node, by its length.
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
        """Return the node with the byte before a place: this one, or one before it."""
        node = self
        while place <= node.start and node.before is not None:
            node = node.before
        return node

    def follow(self, place: int, more: memoryview) -> PrefixNode:
        """Move on by the bytes that have come next, and record those that are new.

        Args:
            place: Where these bytes stand in the message: in this node, right behind it, or, if it
                has been split since, before it.
            more: The bytes; they are copied.

        Returns:
            The node in which they end.
        """
        node = self.at(place)
        while more:
            offset = place - node.start
            known = len(node.data) - offset
            if not known:
                after = None if node.following is None else node.following.get(more[0])
                if after is None:
                    return _extend(node, more)
                node = after
                continue
            size = min(known, len(more))
            if not node.data.startswith(more if size == len(more) else more[:size], offset):
                size = _common_length(node.data, offset, more)
                node = _split(node, offset + size)
            place += size
            more = more[size:]
        return node

    def until(self, place: int, tail: bytes) -> bytes:
        """Return a copy of all bytes before a place, with a tail behind them."""
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
    """The trees by their keys, the least recently used forgotten first.

    A tree is forgotten too when many messages have begun since it was last used: a new version has
    come, and the control plane will not send the old one again.

    Args:
        limit: Bytes to use. A tree that alone uses three quarters of them is begun anew.

    Attributes:
        limit: As above, or four times the longest message if that is more.
        size: Bytes that the trees use.
    """

    def __init__(self, *, limit: int = 64 << 20) -> None:
        self.limit = limit
        self.size = 0
        self._trees: OrderedDict[bytes, PrefixTree] = OrderedDict()
        self._begun = 0

    def begin(self, key: bytes, length: int) -> PrefixNode | None:
        """Count a message that begins, and return the node from which to follow it.

        Args:
            key: The first `KEY_BYTES` of the message.
            length: Bytes of the whole message.

        Returns:
            The first node of its tree; None if the message is not to be recorded.
        """
        self.limit = max(self.limit, 4 * length)
        self._begun += 1
        tree = self._trees.get(key)
        if tree is not None and (
            tree.size * 4 > self.limit * 3 or (tree.diverse and tree.count > RETRIAL_MESSAGES)
        ):
            tree.forget()
            tree = None
        if tree is None:
            tree = self._trees[key] = PrefixTree(key, self)
        tree.begin(self._begun)
        self._trees.move_to_end(key)
        self._tidy()
        return None if tree.diverse else tree.first

    def _tidy(self) -> None:
        """Forget trees that are too old or too much, except the newest."""
        while len(self._trees) > 1:
            key, oldest = next(iter(self._trees.items()))
            if (
                self.size <= self.limit
                and self._begun - oldest.last < IDLE_MESSAGES + IDLE_MESSAGES_PER_USE * oldest.count
            ):
                return
            del self._trees[key]
            oldest.forget()


PREFIX_CACHE: Final = PrefixCache()
"""The cache that all streams of the process share."""


def _extend(node: PrefixNode, more: memoryview) -> PrefixNode:
    """Record bytes behind a node, and return the node in which they end."""
    node.tree.grow(len(more))
    if node.following is None:
        node.data += more
        return node
    after = PrefixNode(bytearray(more), node.start + len(node.data), node.tree, node)
    if node.tree.cached:
        node.following[more[0]] = after
    return after


def _split(node: PrefixNode, offset: int) -> PrefixNode:
    """Split a node, which becomes the later half, and return the earlier half.

    Args:
        node: The node.
        offset: How many of its bytes are the earlier half's.
    """
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
    """Count the bytes until a record and new bytes differ, as they are known to do."""
    low, high = 0, min(len(data) - offset, len(more))
    while low + 1 < high:
        middle = (low + high) // 2
        if data.startswith(more[low:middle], offset + low):
            low = middle
        else:
            high = middle
    return low
