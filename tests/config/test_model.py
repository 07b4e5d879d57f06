"""Tests that the model holds all that a config file can say."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from pyload.config.dialect import SCHEMAS
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
from tests.config.configs import read

if TYPE_CHECKING:
    from pyload.config.schema import Place


def camel_case(name: str) -> str:
    """Return the name of a field as files write it."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


@pytest.mark.parametrize(
    ("place", "part"),
    [
        ("root", ClusterConfig),
        ("jitter", Jitter),
        ("nodes", NodeGroup),
        ("namespaces", Namespace),
        ("applications", Application),
        ("gateways", Gateways),
        ("configs", ConfigRef),
    ],
)
def test_each_key_of_a_file_has_a_field(place: Place, part: Any) -> None:
    """A key would be accepted and go nowhere, or a field could be set by nobody."""
    keys = {
        "pods" if key == schema.pods_key else key
        for schema in SCHEMAS.values()
        for key in schema.keys[place]
    }
    # What templates may read is said by the command line alone.
    assert keys == {camel_case(field.name) for field in fields(part)} - {"environ"}


def test_an_istio_object_has_what_the_richest_of_them_has() -> None:
    """The gateways of a VirtualService would be read and forgotten."""
    keys = {"kind", *SCHEMAS["classic"].keys["virtualService"]}
    assert keys == {field.name for field in fields(IstioObject)}


def test_an_entry_without_keys_is_a_part_with_its_defaults() -> None:
    """Plans made in code would differ from the same ones made in a file."""
    config = read(
        "istio: {sidecar: {}}\nnodes: [{}]\nnamespaces: [{applications: [{gateways: {}}]}]"
    ).config
    assert config == ClusterConfig(
        nodes=(NodeGroup(),),
        istio=(IstioObject("sidecar"),),
        namespaces=(Namespace(applications=(Application(gateways=Gateways()),)),),
    )
