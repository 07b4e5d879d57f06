"""Tests of writing a model as a config file."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pyload.config.app_types import APP_TYPES
from pyload.config.data import read_data
from pyload.config.dump import as_yaml, dump
from pyload.config.model import (
    Application,
    ClusterConfig,
    ConfigRef,
    Gateways,
    IstioObject,
    Jitter,
    Namespace,
    NodeGroup,
)
from pyload.config.parse import parse_config
from pyload.report.thresholds import parse_thresholds
from pyload.units import Duration
from tests.config.configs import WHOLE, read
from tests.config.strategies import PRINTABLE, configs, values

if TYPE_CHECKING:
    from pyload.config.model import Dialect


def test_dumps_sorted_keys_and_go_durations() -> None:
    """The log would not show what runs, or in a form that scripts do not know."""
    config = read(WHOLE).config
    assert dump(config, "classic") == (
        "gracePeriod: 1.5s\n"
        "jitter:\n"
        "  workloads: 4s\n"
        "namespaces:\n"
        "- applications:\n"
        "  - instances: 4\n"
        "    labels:\n"
        "      tier: gold\n"
        '      version: "1.5"\n'
        "    name: app\n"
        "    replicas: 3\n"
        "    type: plain\n"
        "  - instances: 0\n"
        "    name: app\n"
        "    replicas: 1\n"
        "    type: sidecar\n"
        "  name: mesh\n"
        "  replicas: 2\n"
        '- name: "false"\n'
        "  replicas: 1\n"
        "nodeMetadata:\n"
        '  EMPTY: ""\n'
        '  SIZE: "5"\n'
        "  TEAM: load\n"
        '  "true": "true"\n'
        "nodes:\n"
        "- count: 2\n"
        "  name: node\n"
        "- count: 1\n"
        "  name: default\n"
        "probe: 10s\n"
        "stableNames: true\n"
    )
    current = ClusterConfig(namespaces=(Namespace(grace_period=Duration(1)),))
    assert "gracePeriod: 1ns" in dump(current, "current")
    assert dump(ClusterConfig(), "current") == "jitter: {}\nnodes:\n- count: 1\n  name: default\n"


@given(st.data(), st.sampled_from(["classic", "current"]))
def test_what_is_dumped_loads_as_the_same_config(data: st.DataObject, dialect: Dialect) -> None:
    """A config copied from the log would build another mesh."""
    config = data.draw(configs(dialect))
    text = f"dialect: {dialect}\n{dump(config, dialect)}"
    loaded = parse_config(text.encode(), source="f")
    assert loaded.config == config
    assert loaded.warnings == ()


GATEWAYS = Gateways("edge", 2)
REF = ConfigRef("mine", {"a": 1}, refresh=False)
ISTIO = IstioObject("virtualService", "a", ("main",))
APPLICATION = Application(
    "web", APP_TYPES["router"], 2, 3, {"tier": "gold"}, GATEWAYS, (ISTIO,), (REF,)
)
NAMESPACE = Namespace("mesh", 2, Duration(1), (APPLICATION,), "infra/wp", (ISTIO,), (REF,))
JITTER = Jitter(Duration(1), Duration(2), Duration(3))
NODE = NodeGroup("node", 2, ztunnel=True)
WHOLE_MODEL = ClusterConfig(
    Duration(1),
    JITTER,
    True,
    {"A": "b"},
    (NODE,),
    (NAMESPACE,),
    (ISTIO,),
    {"mine": "a: b"},
    parse_thresholds(["duration < 1h"]),
    Duration(10),
)


def placed_application(application: Application) -> ClusterConfig:
    """Return a config with nothing but one application."""
    return ClusterConfig(namespaces=(Namespace(applications=(application,)),))


PLACES = [
    (WHOLE_MODEL, lambda part: part),
    (JITTER, lambda part: ClusterConfig(jitter=part)),
    (NODE, lambda part: ClusterConfig(nodes=(part,))),
    (NAMESPACE, lambda part: ClusterConfig(namespaces=(part,))),
    (APPLICATION, placed_application),
    (
        GATEWAYS,
        lambda part: ClusterConfig(
            namespaces=(Namespace(applications=(Application(gateways=part),)),)
        ),
    ),
    (REF, lambda part: ClusterConfig(namespaces=(Namespace(configs=(part,)),))),
    (ISTIO, lambda part: ClusterConfig(istio=(part,))),
]


@pytest.mark.parametrize(("part", "placed"), PLACES, ids=lambda one: type(one).__name__)
def test_each_value_shows(part: Any, placed: Any) -> None:
    """A config copied from the log would lack what somebody forgot to write there."""
    for field in fields(part):
        if field.name == "environ":
            # It is not the file's, and has the user's secrets.
            continue
        other: Any = {"name": "b", "kind": "sidecar"}.get(field.name)
        if field.default is not MISSING:
            other = field.default
        elif field.default_factory is not MISSING:
            other = field.default_factory()
        changed = replace(part, **{field.name: other})
        assert changed != part
        assert dump(placed(changed), "classic") != dump(placed(part), "classic"), field.name


def test_values_that_are_shared_are_written_out() -> None:
    """Go's reader of configs would meet anchors, which few people can read."""
    labels = {"a": "b"}
    assert as_yaml([labels, labels]) == "- a: b\n- a: b\n"


@given(values())
def test_two_readers_understand_what_is_written(value: Any) -> None:
    """A text such as `on` would come back as a boolean in kubectl, or in a template."""
    text = as_yaml(value)
    assert yaml.safe_load(text) == value
    assert read_data(text.encode(), source="f") == value


@given(st.dictionaries(PRINTABLE, st.none(), max_size=4))
def test_keys_are_sorted_if_asked(value: dict[str, None]) -> None:
    """Two logs of the same config could not be compared."""
    assert list(yaml.safe_load(as_yaml(value, sort_keys=True))) == sorted(value)
    assert list(yaml.safe_load(as_yaml(value))) == list(value)
