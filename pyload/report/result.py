"""The result of a run: what it measured, as one record.

A `Result` is made of sections, each a dataclass in a module of its own beside this one. To add a
section, write its dataclass and a field for it here, with a default for runs that have no such
thing. Everything else follows from the field: the key in the JSON form (module `result_json`) and
the paths that thresholds may name (`figures`). What the section says to people is a line in
`summary_text`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from pyload.report.api_server import ApiServer
from pyload.report.counts import ObjectCounts, ProxyCounts
from pyload.report.disconnect_reasons import DISCONNECT_REASONS
from pyload.report.generator import Generator
from pyload.report.header import Header
from pyload.report.history import TimeSeries
from pyload.report.latency import Latency
from pyload.report.outage import Outages
from pyload.report.pacing import Pacing
from pyload.report.result_json import result_json
from pyload.report.spread import Spread
from pyload.report.summary_text import result_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyload.report.control_plane import ControlPlane
    from pyload.report.convergence import Convergence
    from pyload.report.counts import StartedPods
    from pyload.report.followed_pods import FollowedPods
    from pyload.report.generator import Usage
    from pyload.report.ladder import Ladder, Step
    from pyload.report.limits import Limit
    from pyload.report.metrics import Snapshot
    from pyload.report.spread import PushSpread
    from pyload.report.unserved import Unserved
    from pyload.report.verdict import Verdict

_RESULTS: Final = ("done", "failed", "idle", "dropped")
_CHURN: Final = ("workloads", "configs", "secrets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Header):
    """The figures of a run.

    What a field means is said here once, for the schema, the metrics and their documentation.

    Attributes:
        proxies: The proxies as they are now, or at the end of the run.
        pushes: Responses that proxies have received, by type of their resources.
        push_bytes: Size of those responses.
        acknowledged: Those responses that proxies have accepted, with an ACK.
        refused: Those that they have refused, with a NACK; ``--nack-fraction`` makes some do so.
        disconnects: Streams that ended and dials that failed, by reason.
        objects: Writes to the API server.
        first_config: Time from a proxy's start until it had every type that it subscribed to.
        connect: Time from a dial until its stream was open.
        pacing: How fast the control plane lets proxies connect.
        generator: What pyload itself has used.
        kwok: The pods that proxies follow, in kwok mode and by ``pyload impersonate``.
        churn: Changes of the running mesh, by what was changed and how that went; ``dropped`` are
            those that were due while another was under way.
        times: Times that only this command measures, by name.
        pods: The pods that ``pyload startup`` has started.
        thresholds: What became of each threshold.
        outages: Spans in which most proxies had no stream.
        tags: What the user says about the run, by name.
        spread: How far apart proxies get the same push.
        convergence: Time from the API server's answer to a marked change, a probe, until a proxy
            had it; None without ``--probe``.
        steps: The steps of a ladder, each with figures of its own.
        ladder: How many proxies hold; None without steps.
        control_plane: What istiod's own metrics say; None if they are not read.
        api_server: How the API server took the run's requests.
        limit: What has limited the run; None before its end.
        unserved: Some of the proxies that are unconfigured or failed, by what they lack.
        history: The same figures over time.
    """

    proxies: ProxyCounts = field(default_factory=ProxyCounts)
    pushes: Mapping[str, int] = field(default_factory=dict)
    push_bytes: Mapping[str, int] = field(default_factory=dict)
    acknowledged: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    disconnects: Mapping[str, int] = field(
        default_factory=dict, metadata={"keys": (DISCONNECT_REASONS,)}
    )
    objects: ObjectCounts = field(default_factory=ObjectCounts)
    first_config: Latency = field(default_factory=Latency)
    connect: Latency = field(default_factory=Latency)
    pacing: Pacing = field(default_factory=Pacing)
    generator: Generator = field(default_factory=Generator)
    kwok: FollowedPods | None = None
    churn: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict, metadata={"keys": (_CHURN, _RESULTS)}
    )
    times: Mapping[str, Latency] = field(default_factory=dict)
    pods: StartedPods | None = None
    thresholds: tuple[Verdict, ...] = ()
    outages: Outages = field(default_factory=Outages)
    tags: Mapping[str, str] = field(default_factory=dict)
    spread: Spread = field(default_factory=Spread)
    convergence: Convergence | None = None
    control_plane: ControlPlane | None = None
    api_server: ApiServer = field(default_factory=ApiServer)
    limit: Limit | None = None
    unserved: tuple[Unserved, ...] = ()
    steps: tuple[Step, ...] = field(default=(), metadata={"apart": True})
    ladder: Ladder | None = field(default=None, metadata={"apart": True})
    history: TimeSeries = field(default_factory=TimeSeries, metadata={"apart": True})

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        header: Header,
        usage: Usage,
        *,
        proxies: ProxyCounts,
        unserved: tuple[Unserved, ...] = (),
        pacing: Pacing,
        left: int,
        outages: Outages,
        last_pushes: Sequence[PushSpread] = (),
        control_plane: ControlPlane | None = None,
        convergence: Convergence | None = None,
    ) -> Result:
        """Sum up a run.

        Args:
            snapshot: The counters.
            header: Which run it is, and how it ended.
            usage: What the main process used.
            proxies: How the proxies fared.
            unserved: What those lack that fared badly.
            pacing: How their dials were paced.
            left: Objects that are still in the API server.
            outages: When most proxies had no stream.
            last_pushes: The last pushes one by one.
            control_plane: What its own metrics say; None if they are not read.
            convergence: What probes have measured; None without any.
        """
        return cls(
            **{one.name: getattr(header, one.name) for one in fields(header)},
            proxies=proxies,
            unserved=unserved,
            pushes=snapshot.pushes,
            push_bytes=snapshot.push_bytes,
            acknowledged=snapshot.acknowledged,
            refused=snapshot.refused,
            disconnects=snapshot.disconnects,
            objects=ObjectCounts.of(snapshot, left=left),
            churn=_churn_by_kind(snapshot.churn),
            first_config=Latency.of(snapshot.first_config),
            connect=Latency.of(snapshot.connect),
            pacing=pacing,
            generator=Generator.of(snapshot, usage),
            outages=outages,
            spread=Spread.of(snapshot, last_pushes),
            control_plane=control_plane,
            convergence=convergence,
            api_server=ApiServer.of(snapshot),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, its keys in order."""
        return result_json(self)

    def to_text(self) -> str:
        """Return the text for a terminal."""
        return result_text(self)


def _churn_by_kind(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Group the results of each kind of churn that there was."""
    return {
        what: {result: counts.get((what, result), 0) for result in _RESULTS}
        for what in sorted({what for what, _ in counts})
    }
