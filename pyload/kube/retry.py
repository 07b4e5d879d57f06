"""The decision whether a failed request is sent again, and after which pause."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

ATTEMPTS: Final = 5
BUDGET_SECONDS: Final = 60.0
"""Longest sum of the pauses of one call."""

_BASE_SECONDS: Final = 0.2
_MAX_PAUSE_SECONDS: Final = 30.0
_BUSY: Final = 429
_PASSING: Final = frozenset({500, 502, 503, 504})


class Lost(Enum):
    """Why there was no answer."""

    REFUSED = auto()
    """Nobody listened, so the server never saw the request."""

    BROKEN = auto()
    """The connection broke; the server may have carried the request out."""

    HOPELESS = auto()
    """No repetition will help, as with a certificate that is not trusted."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt.

    Attributes:
        cause: HTTP status of the answer, or why there was none.
        retry_after: Seconds that the server asked to wait, or None.
    """

    cause: int | Lost
    retry_after: float | None = None


def pause(
    method: str, failure: Failure, *, attempt: int, paused: float, rng: Random
) -> float | None:
    """Decide whether to send a request again.

    Args:
        method: HTTP method. All but POST can be repeated without harm.
        failure: How the last attempt failed.
        attempt: Number of that attempt, from 1.
        paused: Seconds that this call has paused so far.
        rng: Spreads clients that failed together.

    Returns:
        Seconds to wait before the next attempt, or None to give up.
    """
    if attempt >= ATTEMPTS or not _worthwhile(method, failure.cause):
        return None
    wait = _BASE_SECONDS * 2 ** (attempt - 1) * rng.uniform(0.5, 1.5)
    if failure.retry_after is not None:
        wait = max(wait, failure.retry_after)
    wait = min(wait, _MAX_PAUSE_SECONDS)
    return wait if paused + wait <= BUDGET_SECONDS else None


def _worthwhile(method: str, cause: int | Lost) -> bool:
    if cause in (_BUSY, Lost.REFUSED):
        return True
    return method != "POST" and (cause in _PASSING or cause is Lost.BROKEN)
