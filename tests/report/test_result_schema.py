"""The JSON Schema of results."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from pyload.cli.schema import command
from pyload.errors import UsageError
from pyload.report.figures import paths, unit_of
from pyload.report.result import Result
from pyload.report.result_schema import result_schema
from tests.report.results import measured, whole
from tests.report.schema import problems, problems_of


def test_it_is_a_schema() -> None:
    """Validators refuse one that is none, in words about the schema and not the result."""
    Draft202012Validator.check_schema(result_schema())


@pytest.mark.parametrize(
    "result",
    [
        whole(),
        measured(),
        Result(version="1", run_id="", command="adsc", duration=0.0, exit_reason="still running"),
    ],
    ids=("whole", "measured", "empty"),
)
def test_a_result_is_what_the_schema_says(result: Result) -> None:
    """A program that was made from the schema could not read the file."""
    assert problems_of(result) == []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("proxies", "wanted"), "many", "$.proxies.wanted: 'many' is not of type 'integer'"),
        (("proxies", "extra"), 1, "$.proxies: Additional properties are not allowed"),
        (("steps", 0, "tags"), {}, "$.steps[0]: Additional properties are not allowed"),
        (("schema",), "pyload.dev/result/v1", "$.schema: 'pyload.dev/result/v2' was expected"),
        (("history", "at", 0), "x", "$.history.at[0]: 'x' is not of type 'number', 'null'"),
    ],
)
def test_what_is_no_result_is_found_out(
    path: tuple[str | int, ...], value: Any, problem: str
) -> None:
    """A schema that takes everything would let every test here pass."""
    document = json.loads(json.dumps(whole().to_json()))
    at = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value

    (found,) = problems(document)
    assert found.startswith(problem)


def test_a_later_version_may_add_keys() -> None:
    """Whoever validates with the schema of today would have to change with each release."""
    document = json.loads(json.dumps(whole().to_json()))
    document["proxies"]["later"] = document["later"] = 1

    Draft202012Validator(result_schema()).validate(document)


def test_every_key_is_explained() -> None:
    """The documentation is made of the schema, and would have empty cells."""

    def silent(schema: dict[str, Any], path: str) -> list[str]:
        properties = schema.get("properties", {})
        found = [f"{path}.{name}" for name, one in properties.items() if not one.get("description")]
        return found + [
            each for name, one in properties.items() for each in silent(one, f"{path}.{name}")
        ]

    schema = result_schema()
    assert silent(schema, "") == []
    assert [each for name, one in schema["$defs"].items() for each in silent(one, name)] == []


def test_units_are_those_of_thresholds() -> None:
    """A user writes a threshold after what the schema says."""
    defs = result_schema()["$defs"]
    units = {name: one.get("x-unit") for name, one in defs["Generator"]["properties"].items()}

    figures = (path for path in paths() if re.fullmatch(r"generator\.\w+", path))
    assert {path: units[path.partition(".")[2]] for path in figures} == {
        "generator.cpu_seconds": "seconds",
        "generator.rss_bytes": "bytes",
        "generator.loop_lag_p99": "seconds",
        "generator.rate_limited_seconds": "seconds",
        "generator.workers": "count",
        "generator.worker_restarts": "count",
        "generator.cores": "count",
        "generator.busy_share": "ratio",
        "generator.dial_queue_max": "count",
    }
    assert defs["Latency"]["properties"]["p99_9"]["x-unit"] == unit_of("connect.p99_9")
    assert "x-unit" not in defs["Verdict"]["properties"]["value"]


def test_the_program_prints_it() -> None:
    """An editor or a pipeline has the program, and not its documentation."""
    done = CliRunner().invoke(command, ["--result"])
    assert json.loads(done.output) == result_schema()

    done = CliRunner().invoke(command, ["--result", "--dialect", "current"])
    assert isinstance(done.exception, UsageError)
