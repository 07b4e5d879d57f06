"""When a plug-in is run again, and what it learns of its cluster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pyload.kube.exec_plugin import ExecPlugin
from tests.kube.plugins import a_plugin, section

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.process, pytest.mark.socket]

NOW = datetime(2026, 11, 28, 5, tzinfo=UTC)
COUNT = (
    "import os, pathlib\n"
    "runs = pathlib.Path(__file__).with_name('runs')\n"
    "count = int(runs.read_text()) + 1 if runs.exists() else 1\n"
    "runs.write_text(str(count))\n"
)


class Clock:
    """A time that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Return it."""
        return self.now


def plugin(path: Path, clock: Clock, cluster: dict[str, Any] | None = None) -> ExecPlugin:
    """Return the plug-in of a user."""
    return ExecPlugin(
        section(path, provideClusterInfo=True),
        cluster or {"server": "https://a"},
        environ={},
        terminal=False,
        now=clock,
    )


async def test_what_has_no_end_serves_until_it_is_refused(tmp_path: Path) -> None:
    """A token without expiry was used for ever, though the server had long wanted another."""
    clock = Clock()
    one = plugin(a_plugin(tmp_path, COUNT + "answer(token=str(count))"), clock)

    first, good_for = await one.status(b"", refused=False)
    clock.now += timedelta(days=1)
    same, _ = await one.status(b"", refused=False)
    other, _ = await one.status(b"", refused=True)

    assert (first.token, good_for, same.token, other.token) == ("1", None, "1", "2")


async def test_what_ends_is_renewed_before_it_does(tmp_path: Path) -> None:
    """Requests in the last second would be refused."""
    ends = (NOW + timedelta(minutes=10)).isoformat()
    clock = Clock()
    code = COUNT + f"answer(token=str(count), expirationTimestamp={ends!r})"
    one = plugin(a_plugin(tmp_path, code), clock)

    _, good_for = await one.status(b"", refused=False)
    clock.now += timedelta(minutes=9, seconds=1)
    renewed, _ = await one.status(b"", refused=False)

    assert (good_for, renewed.token) == (540.0, "2")


async def test_a_plugin_learns_of_its_cluster(tmp_path: Path) -> None:
    """A plug-in for several clusters needs its configuration in the cluster's extension."""
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    cluster = {
        "server": "https://a",
        "tls-server-name": "b",
        "insecure-skip-tls-verify": False,
        "extensions": [{"name": "other", "extension": 1}, extension],
    }
    code = (
        "import os, json\n"
        "answer(token=json.dumps(json.loads(os.environ['KUBERNETES_EXEC_INFO'])['spec']['cluster']))"
    )
    status, _ = await plugin(a_plugin(tmp_path, code), Clock(), cluster).status(
        b"roots", refused=False
    )

    assert status.token == (
        '{"server": "https://a", "tls-server-name": "b", '
        '"certificate-authority-data": "cm9vdHM=", "config": {"audience": "x"}}'
    )
