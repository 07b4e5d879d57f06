"""Bounds on the results of functions, so that no template uses up the memory."""

from __future__ import annotations

from pyload.gotemplate.functions import Failure
from pyload.gotemplate.limits import MAX_STEPS, MAX_TEXT


def check_items(count: int) -> None:
    """Refuse a list that is too long.

    Raises:
        Failure: It has more than `MAX_STEPS` items.
    """
    if count > MAX_STEPS:
        raise Failure(f"a list of {count} items is longer than {MAX_STEPS}")


def check_text(count: int) -> None:
    """Refuse a text that is too long.

    Raises:
        Failure: It has more than `MAX_TEXT` characters.
    """
    if count > MAX_TEXT:
        raise Failure(f"a text of {count} characters is longer than {MAX_TEXT}")


def check_work(count: int) -> None:
    """Refuse a text that is too long to be gone through character by character.

    Raises:
        Failure: It has more than `MAX_STEPS` characters.
    """
    if count > MAX_STEPS:
        raise Failure(f"a text of {count} characters is too long; this function takes {MAX_STEPS}")


class Budget:
    """Counts the values that one call visits: a few lists can contain each other very often."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_STEPS

    def spend(self) -> None:
        """Count a value.

        Raises:
            Failure: There were more than `MAX_STEPS`.
        """
        self._left -= 1
        if self._left < 0:
            raise Failure(f"more than {MAX_STEPS} values")


def repeated(text: str, count: int) -> str:
    """Write a text several times.

    Raises:
        Failure: The count is negative, or the result too long.
    """
    if count < 0:
        raise Failure("strings: negative Repeat count")
    check_text(count * len(text))
    return text * count
