"""What an Envoy says in its node of itself: its name, its build, and what is compiled into it.

Nearly all of a node is this list, 61 of 63 KB, and every proxy of one binary sends the same. So it
is encoded once in a process, and only the bytes in front of it differ from proxy to proxy. The list
is that of `envoy.json`, which ``python -m pyload.xds.read_node`` reads from any Envoy.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

import orjson
from google.protobuf import json_format

from pyload.xds.wire import envoy_pb2

FILE: Final = "envoy.json"
"""The file beside this module with the build."""


def build() -> envoy_pb2.EnvoyBuild:
    """Return the build; it is read anew each time, since parsed it is ten times as large."""
    text = (resources.files("pyload.xds") / FILE).read_text(encoding="utf-8")
    return json_format.ParseDict(orjson.loads(text), envoy_pb2.EnvoyBuild())


@cache
def encoded_build() -> bytes:
    """Return the build as the last fields of an encoded node."""
    return build().SerializeToString(deterministic=True)


def version_of(build: envoy_pb2.EnvoyBuild) -> str:
    """Return the version of Envoy that a build is of, such as ``1.40.0``."""
    version = build.user_agent_build_version.version
    return f"{version.major_number}.{version.minor_number}.{version.patch}"
