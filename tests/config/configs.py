"""Config files for tests, and what becomes of them."""

from __future__ import annotations

import pytest

from pyload.config.parse import Loaded, parse_config
from pyload.errors import ConfigError

SECOND = 1_000_000_000

WHOLE = """\
gracePeriod: 1.5s
jitter: {workloads: 4s, config: 0s, secrets: 0}
stableNames: on
probe: 10s
nodeMetadata: {TEAM: load, SIZE: 5, ON: y, EMPTY: ~}
nodes:
- name: node
  count: 2
- {}
namespaces:
- name: mesh
  replicas: 2
  applications:
  - name: app
    type: plain
    replicas: 3
    instances: 4
    labels: {tier: gold, version: 1.5}
  - {}
- name: n
  replicas: 0
"""


def read(text: str, *, lenient: bool = False) -> Loaded:
    """Load a config."""
    return parse_config(text.encode(), source="f", lenient=lenient)


def problems(text: str, *, lenient: bool = False) -> list[str]:
    """Return the problems of a config that is refused."""
    with pytest.raises(ConfigError) as caught:
        read(text, lenient=lenient)
    assert caught.value.exit_code == 2
    return [str(problem) for problem in caught.value.problems]


def warnings(text: str, *, lenient: bool = False) -> list[str]:
    """Return the warnings about a config that is accepted."""
    return [str(warning) for warning in read(text, lenient=lenient).warnings]


def application(text: str, *, before: str = "") -> str:
    """Make a config of one application."""
    return f"{before}namespaces:\n- applications:\n  - {text}\n"
