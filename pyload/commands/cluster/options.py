"""The options of ``pyload cluster``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyload.config.parse import Loaded, default_config, empty_config
from pyload.errors import UsageError
from pyload.harness.fleets import workers_of
from pyload.harness.follow_options import FollowOptions
from pyload.harness.probe_options import ProbeOptions
from pyload.harness.run_options import RunOptions
from pyload.proxies.behavior import DEFAULT, ProxyBehavior

if TYPE_CHECKING:
    from pyload.harness.ladder_options import LadderOptions
    from pyload.mesh.cluster_types import ClusterType


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions(RunOptions):
    """Options of `run_cluster`.

    Attributes:
        loaded: The config; None for none, which is a small mesh, or for kwok nothing.
        cluster_type: ``fake-node``, ``fake``, ``real`` or ``kwok``.
        duration: Seconds to run once the proxies are ready; None until stopped.
        kwok: The flags of kwok mode. There, an empty address in `connection` means the one that
            each pod names.
        seed: Makes names, placement and churn repeat; None for random ones.
        dry_run: Only describe what would be done; kwok mode has a flag of its own.
        workers: Processes that the proxies run in: 0 for this one, None for as many as it takes.
        behavior: How the proxies behave.
        probe: How often the way of a change to every proxy is measured.
        name_prefix: Prefix of the names of namespaces and of cluster-scoped objects, so that runs
            of one config can live side by side; empty for none.
        adopt: Take over objects that carry another run's label.
        may_be_empty: Whether a mesh without proxies is as good, because others are to use it.
        ladder: Numbers of proxies, one after the other, in place of all that the config has; then
            there is no `duration`.
    """

    loaded: Loaded | None = None
    cluster_type: ClusterType = "fake-node"
    duration: float | None = None
    kwok: FollowOptions = field(default_factory=FollowOptions)
    seed: int | None = None
    dry_run: bool = False
    workers: int | None = None
    behavior: ProxyBehavior = DEFAULT
    probe: ProbeOptions = field(default_factory=ProbeOptions)
    name_prefix: str = ""
    adopt: bool = False
    may_be_empty: bool = False
    ladder: LadderOptions | None = None

    def __post_init__(self) -> None:
        if self.ladder is None:
            return
        self.ladder.check(duration=self.duration, start=self.start)
        if self.kwok.shard.count > 1:
            raise UsageError(
                "--shard does not go with --steps: a shard knows only its own proxies",
                fix="run one process, with more --workers",
            )
        if self.kwok.dry_run:
            raise UsageError("--dry-run does not go with --steps", fix="leave --steps out")

    @property
    def config(self) -> Loaded:
        """The config, or the default one."""
        if self.loaded is not None:
            return self.loaded
        return empty_config() if self.cluster_type == "kwok" else default_config()

    def workers_for(self, proxies: int) -> int:
        """Return the number of workers for a number of planned proxies."""
        if self.kwok.dry_run:
            return 0
        open_ended = self.cluster_type == "kwok"
        return workers_of(self.workers, proxies=proxies, open_ended=open_ended)
