"""``docs/schema``: the JSON Schema of each dialect's configs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pyload.config.jsonschema import json_schema

if TYPE_CHECKING:
    from pyload.config.dialect import Dialect

_DIALECTS: tuple[Dialect, ...] = ("classic", "current")


def files() -> dict[str, str]:
    """Return the schemas' texts by their paths below docs."""
    return {
        f"schema/{dialect}.json": json.dumps(json_schema(dialect), indent=2) + "\n"
        for dialect in _DIALECTS
    }
