"""What an API server takes from outside itself: time, chance and the hook of an injector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from random import Random

    from pyload.kube.resources import Obj, Resource


@dataclass(frozen=True, slots=True)
class Sources:
    """The clock, the sources of chance and the hook that all parts of one API server share.

    Attributes:
        now: Returns the time, with its zone.
        new_uid: Returns a fresh UID.
        later: Calls a function after a number of seconds.
        key: Signs service account tokens.
        rng: Chooses the ends of generated names.
        admit: Returns each new object as it is to be created, like a mutating webhook.
    """

    now: Callable[[], datetime]
    new_uid: Callable[[], str]
    later: Callable[[float, Callable[[], None]], None]
    key: bytes
    rng: Random
    admit: Callable[[Resource, Obj], Obj]
