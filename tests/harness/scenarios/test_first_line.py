"""What every command that writes says first."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cleanup.command import CleanupOptions, run_cleanup
from pyload.commands.cluster.command import run_cluster
from pyload.commands.cluster.options import ClusterOptions
from pyload.commands.latency.command import LatencyOptions, run_latency
from pyload.commands.prober.command import ProberOptions, run_prober
from pyload.commands.startup.command import StartupOptions, run_startup
from pyload.errors import ClusterUnreachable
from pyload.harness.connection import Connection
from pyload.tasks import Shutdown
from tests.kube.kubeconfigs import a_config, write

if TYPE_CHECKING:
    from pathlib import Path


# The closed port is a real one; the waits between the attempts are not.
pytestmark = [pytest.mark.anyio, pytest.mark.virtual, pytest.mark.socket]


@pytest.mark.parametrize("command", ["cluster", "latency", "prober", "startup", "cleanup"])
async def test_the_first_line_of_a_run_that_writes_names_the_cluster(
    command: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A load test of the wrong cluster was noticed by its users (A4)."""
    caplog.set_level(logging.INFO, logger="pyload")
    closed = "http://127.0.0.1:1"
    clusters = [{"name": "c", "cluster": {"server": closed}}]
    path = write(tmp_path / "kubeconfig", a_config(clusters=clusters))
    connection = Connection(kubeconfig=str(path), as_user="jane")
    runs = {
        "cluster": lambda: run_cluster(ClusterOptions(connection=connection)),
        "latency": lambda: run_latency(LatencyOptions(connection=connection)),
        "prober": lambda: run_prober(ProberOptions(connection=connection), write=print),
        "startup": lambda: run_startup(
            StartupOptions(connection=connection, pod={}, namespace="default")
        ),
        "cleanup": lambda: run_cleanup(
            CleanupOptions(connection=connection, everything=True), shutdown=Shutdown()
        ),
    }

    with pytest.raises(ClusterUnreachable):
        await runs[command]()

    first = caplog.records[0].getMessage()
    assert first == f"context here, server {closed}, user u, impersonating jane"
