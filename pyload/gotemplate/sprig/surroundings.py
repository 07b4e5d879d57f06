"""The surroundings of templates: the time, randomness, the environment and the local zone."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pyload.gotemplate.sprig.gotime.zone import Zone, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The sources of time, randomness, environment and zone for functions.

    With a stopped clock, a seeded generator, a given environment and a fixed zone, a template
    renders the same text each time, except for keys and certificates.

    Attributes:
        now: Returns nanoseconds since 1970.
        random: The source of random numbers.
        environ: The variables of ``env`` and ``expandenv``; None refuses them.
        zone: Go's zone ``Local``.
    """

    now: Callable[[], int] = time.time_ns
    random: random.Random = field(default_factory=random.SystemRandom)
    environ: Mapping[str, str] | None = None
    zone: Zone = field(default_factory=lambda: local_zone(os.environ.get("TZ")))


def local_zone(name: str | None) -> Zone:
    """Return the local zone, as Go determines it.

    Args:
        name: The variable ``TZ``: a name of the IANA database, empty for UTC; None if not set.
    """
    if name is not None:
        known = load(name.removeprefix(":"), Zone("Local"))
        return Zone("Local", known.rules) if known and known.rules else Zone("UTC")
    try:
        with Path("/etc/localtime").open("rb") as data:
            return Zone("Local", ZoneInfo.from_file(data, "Local"))
    except (OSError, ValueError):
        rules: tzinfo | None = datetime.now().astimezone().tzinfo
        return Zone("Local", rules)
