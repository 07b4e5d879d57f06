"""Times what the documentation promises, and prints each figure beside its target.

Run by ``tox -e bench``. Wall times of one machine at one moment: compare them within a run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "pyload"
THOUSAND = Path(__file__).parents[2] / "docs" / "examples" / "thousand.yaml"
ENVIRONMENT = {**os.environ, "HOME": "/nonexistent"}


def seconds_of_help() -> float:
    """Return the median wall time of ``pyload --help`` over nine runs."""

    def once() -> float:
        started = time.perf_counter()
        subprocess.run([PROGRAM, "--help"], check=True, capture_output=True, env=ENVIRONMENT)
        return time.perf_counter() - started

    once()
    return statistics.median(once() for _ in range(9))


def seconds_to(text: str, *arguments: str) -> float:
    """Return the wall time from the start of an embedded run to the first log line with a text."""
    command = [str(PROGRAM), "cluster", "--embedded", "--metrics-addr", "", *arguments]
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT
    ) as process:
        assert process.stdout is not None
        taken = next(time.perf_counter() - started for line in process.stdout if text in line)
        process.terminate()
        process.stdout.read()
    return taken


def thousand(*arguments: str) -> tuple[float, dict[str, object]]:
    """Run a thousand sidecars, embedded; return the seconds until all are configured."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "r.json"
        command = [str(PROGRAM), "cluster", "--embedded", "--metrics-addr", "", "-c", str(THOUSAND)]
        started = time.perf_counter()
        subprocess.run(
            [*command, "--duration", "5s", "--out", str(out), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            env=ENVIRONMENT,
        )
        whole = time.perf_counter() - started
        result = json.loads(out.read_text())
    return whole, result


def main() -> None:
    """Measure, and print a table."""
    rows = [
        ("pyload --help", seconds_of_help(), 0.3),
        (
            "start to first request, embedded, median",
            statistics.median(seconds_to("starting namespace") for _ in range(5)),
            0.5,
        ),
        (
            "1,000 sidecars, embedded, to synced",
            seconds_to('"primary" synced', "-c", str(THOUSAND), "--log_output_level", "adsc:none"),
            40.0,
        ),
    ]
    print(f"{'what':<44}{'seconds':>9}{'target':>9}")
    for what, taken, target in rows:
        print(f"{what:<44}{taken:>9.3f}{target:>9.1f}{'' if taken <= target else '  MISSED'}")
    for name, arguments in (("delta", ()), ("state of the world", ("--delta=false",))):
        whole, result = thousand("--log_output_level", "adsc:none", *arguments)
        print(f"\n1,000 sidecars, {name}: {whole:.1f} s for the whole run, cleanup included")
        print(json.dumps({key: result[key] for key in ("proxies", "first_config", "generator")}))


if __name__ == "__main__":
    main()
