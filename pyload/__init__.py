"""Load-test Istio's control plane with thousands of emulated proxies.

The names below are the library's public ones. Each is imported when it is first used, so that
``import pyload`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from pyload.version import __version__

if TYPE_CHECKING:
    from pyload.commands.cluster.command import run_cluster
    from pyload.commands.cluster.options import ClusterOptions
    from pyload.config.file import load_config
    from pyload.config.model import ClusterConfig
    from pyload.config.parse import Loaded
    from pyload.errors import PyloadError
    from pyload.harness.connection import Connection
    from pyload.harness.ladder_options import LadderOptions
    from pyload.harness.outcome import Outcome
    from pyload.harness.probe_options import ProbeOptions
    from pyload.harness.start_options import StartCondition, StartOptions
    from pyload.kube.typed_client import kubernetes_client
    from pyload.proxies.proxy import Proxy
    from pyload.proxies.spec import ProxySpec
    from pyload.report.result import Result
    from pyload.report.thresholds import parse_thresholds
    from pyload.units import Duration

__all__ = [
    "ClusterConfig",
    "ClusterOptions",
    "Connection",
    "Duration",
    "LadderOptions",
    "Loaded",
    "Outcome",
    "ProbeOptions",
    "Proxy",
    "ProxySpec",
    "PyloadError",
    "Result",
    "StartCondition",
    "StartOptions",
    "__version__",
    "kubernetes_client",
    "load_config",
    "parse_thresholds",
    "run_cluster",
]

_HOMES: Final = {
    "ClusterConfig": "pyload.config.model:ClusterConfig",
    "ClusterOptions": "pyload.commands.cluster.options:ClusterOptions",
    "Connection": "pyload.harness.connection:Connection",
    "Duration": "pyload.units:Duration",
    "LadderOptions": "pyload.harness.ladder_options:LadderOptions",
    "Loaded": "pyload.config.parse:Loaded",
    "Outcome": "pyload.harness.outcome:Outcome",
    "ProbeOptions": "pyload.harness.probe_options:ProbeOptions",
    "Proxy": "pyload.proxies.proxy:Proxy",
    "ProxySpec": "pyload.proxies.spec:ProxySpec",
    "PyloadError": "pyload.errors:PyloadError",
    "Result": "pyload.report.result:Result",
    "StartCondition": "pyload.harness.start_options:StartCondition",
    "StartOptions": "pyload.harness.start_options:StartOptions",
    "kubernetes_client": "pyload.kube.typed_client:kubernetes_client",
    "load_config": "pyload.config.file:load_config",
    "parse_thresholds": "pyload.report.thresholds:parse_thresholds",
    "run_cluster": "pyload.commands.cluster.command:run_cluster",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pyload' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
