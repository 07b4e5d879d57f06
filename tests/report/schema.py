"""The JSON Schema of results, for tests of what runs leave."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from pyload.harness.result_file import json_bytes
from pyload.report.result_schema import result_schema

if TYPE_CHECKING:
    from pyload.report.result import Result


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(result_schema(is_closed=True))


def problems(document: Any) -> list[str]:
    """Return where the JSON form of a result is not what the schema says."""
    return [f"{one.json_path}: {one.message[:200]}" for one in _validator().iter_errors(document)]


def problems_of(result: Result) -> list[str]:
    """Return where a result is not what the schema says, as it stands in its file."""
    return problems(json.loads(json_bytes(result.to_json())))
