"""The figures of a run, as its result and as its progress line."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pyload.embedded.apiserver.api import ApiServer
from pyload.harness.recorder import Recorder
from pyload.kube.client import Client
from pyload.proxies.counts import FleetCounts
from pyload.proxies.late import Late
from pyload.report.pacing import Pacing
from pyload.report.unserved import Unserved

if TYPE_CHECKING:
    from pyload.proxies.fleet import Fleet


class Proxies:
    """A fleet of ten proxies, nine of which are connected, and two that have died."""

    def __init__(self) -> None:
        self.counts = FleetCounts(connected_now=9, configured_now=8, reconnects=3, failed=2)
        self.pacing = Pacing(5, 20.0)

    def __len__(self) -> int:
        return 10

    def late(self) -> list[Late]:
        """Return two that wait for the same."""
        return [Late(name, "waiting for 1 endpoint of a") for name in ("mesh/p", "mesh/q")]


FLEET = cast("Fleet", Proxies())


def test_proxies_that_died_were_wanted_all_the_same() -> None:
    """A run whose proxies died would report that nothing was missing."""
    result = Recorder(command="adsc").result(FLEET, exit_reason="done")

    assert (result.proxies.wanted, result.proxies.connected, result.proxies.failed) == (12, 9, 3)
    assert result.proxies.reconnects == 3
    assert result.pacing == Pacing(5, 20.0)


def test_each_proxy_that_is_wanted_is_in_one_state() -> None:
    """A threshold on failed proxies must not count those that are just starting (A1)."""
    fleet = Proxies()
    fleet.counts = FleetCounts(
        wanted=13,
        configured=7,
        connected_now=8,
        configured_now=5,
        starting=1,
        starting_connected=2,
    )
    proxies = Recorder(command="adsc").result(cast("Fleet", fleet), exit_reason="done").proxies

    assert (proxies.configured, proxies.unconfigured) == (5, 1)
    assert (proxies.starting, proxies.failed) == (3, 1)
    assert (proxies.wanted, proxies.started) == (10, 13)


def test_a_result_says_what_proxies_wait_for_that_are_not_configured() -> None:
    """A control plane that owes three endpoints would have to be found by hand."""
    fleet = Proxies()
    fleet.counts = FleetCounts(wanted=10, configured=8, connected_now=10, configured_now=8)
    recorder = Recorder(command="adsc")
    short = recorder.result(cast("Fleet", fleet), exit_reason="done")
    fleet.counts = FleetCounts(wanted=10, configured=10, connected_now=10, configured_now=10)
    whole = recorder.result(cast("Fleet", fleet), exit_reason="done")

    assert short.unserved == (Unserved("waiting for 1 endpoint of a", ("mesh/p", "mesh/q")),)
    assert "unserved      waiting for 1 endpoint of a: mesh/p, mesh/q\n" in short.to_text()
    assert whole.unserved == ()
    assert "unserved" not in whole.to_text()


def test_a_result_says_how_many_cores_there_were() -> None:
    """Whether pyload itself was the limit could not be judged by its CPU time."""
    cores = Recorder(command="adsc").result(exit_reason="done").generator.cores

    assert cores is not None
    assert cores > 0


def test_a_result_names_its_run_and_counts_objects_of_all_kinds() -> None:
    """`pyload cleanup --run-id` needs the id, and a script the number of objects left."""
    client = Client(ApiServer().transport())
    recorder = Recorder(command="cluster", client=client, run_id="abc", cluster_type="fake")
    for kind in ("Pod", "Node", "Pod"):
        recorder.metrics.object(kind, "created")
    recorder.metrics.object("Pod", "deleted")
    result = recorder.result(left=2, exit_reason="done")

    assert (result.command, result.run_id, result.cluster_type) == ("cluster", "abc", "fake")
    assert (result.objects.created, result.objects.deleted, result.objects.left) == (3, 1, 2)
    assert recorder.objects(left=0).left == 0
    assert result.proxies.wanted == 0
    assert result.generator.rss_bytes > 1 << 20


def test_the_progress_line_counts_objects_that_are_there_now() -> None:
    """The user watches a mesh grow and, in the clean-up, shrink."""
    recorder = Recorder(command="cluster")
    recorder.phase = "running"
    for result in ("created", "created", "deleted"):
        recorder.metrics.object("Pod", result)
    recorder.metrics.cells_of("sidecar")["cds"].push(100)

    assert str(recorder.status(FLEET)) == (
        "running 0s, 1 objects, 9/10 proxies connected, 8 configured, 1 pushes"
    )
    assert str(recorder.status(None)) == "running 0s, 1 objects"
