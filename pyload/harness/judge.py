"""Whether a run has passed: by its thresholds, and by whether its proxies were served at all.

The thresholds of a run come from three places, each of which replaces what it also names: those
that hold by default, those of the config, and those of the command line.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyload.errors import ControlPlaneUnreachable, ThresholdFailed
from pyload.report.thresholds import NO_THRESHOLDS, defaults
from pyload.report.verdict import failure_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.errors import PyloadError
    from pyload.report.result import Result
    from pyload.report.thresholds import Threshold, Thresholds
    from pyload.report.verdict import Verdict

STARTED: Final = "proxies.started >= 1"
"""That a run had proxies at all."""

SERVED: Final = ("proxies.failed == 0", "proxies.unconfigured == 0")
"""That all proxies are connected and configured, except those that are just starting."""

LISTED: Final = ("kwok.nodes_synced == true", "kwok.pods_synced == true")
"""That the API server has shown the nodes and pods that proxies follow."""

CONVERGED: Final = ("convergence.never == 0",)
"""That no proxy was left out of a change that others of its kind got."""

WRITTEN: Final = ("objects.failed == 0",)
"""That all objects could be written."""


class Judge:
    """Judges one run by its thresholds.

    Args:
        by_default: The thresholds that hold by default.
        own: Those that the user wrote, which replace defaults.
        defaults_only_warn: Whether a default that fails is worth a warning, and no error.
    """

    def __init__(
        self,
        by_default: Iterable[str],
        own: Thresholds = NO_THRESHOLDS,
        *,
        defaults_only_warn: bool = False,
    ) -> None:
        self._thresholds = defaults(*by_default).replaced_by(own).items
        self._defaults_only_warn = defaults_only_warn
        # The verdict that has ended the run; the figure may have recovered since.
        self._breach: Verdict | None = None

    @property
    def own(self) -> tuple[Threshold, ...]:
        """The thresholds that the user wrote."""
        return tuple(one for one in self._thresholds if not one.default)

    @property
    def may_abort(self) -> bool:
        """Whether a threshold may end the run."""
        return any(one.abort for one in self._thresholds)

    @property
    def has_ended_run(self) -> bool:
        """Whether a threshold has ended the run."""
        return self._breach is not None

    def check(self, result: Result) -> None:
        """Check before a run that it has all figures that the user asks about.

        Args:
            result: The figures before the run.

        Raises:
            UsageError: Runs of this command have no such figure.
        """
        for threshold in self.own:
            threshold.judge(result)

    def breach(self, result: Result, *, elapsed: float) -> Verdict | None:
        """Return the first threshold that ends the run now, and remember that it did.

        What has not been measured yet ends no run.
        """
        for threshold in self._thresholds:
            if threshold.abort and elapsed >= threshold.after:
                verdict = threshold.judge(result)
                if not verdict.passed and verdict.value is not None:
                    self._breach = verdict
                    return verdict
        return None

    def judged(self, result: Result) -> Result:
        """Return the result with the verdicts."""
        breach = self._breach
        verdicts = (one.judge(result) for one in self._thresholds)
        return replace(
            result,
            thresholds=tuple(
                breach if breach is not None and one.expr == breach.expr else one
                for one in verdicts
            ),
        )

    def error(self, result: Result) -> ThresholdFailed | None:
        """Return the error of a judged run; None if it has passed."""
        failed = self._failed(result, warned=False)
        if not failed:
            return None
        defaults_alone = all(one.default for one in failed)
        fix = "`--threshold none` drops the default thresholds" if defaults_alone else ""
        return ThresholdFailed(failure_text(failed), fix=fix)

    def warning(self, result: Result) -> str:
        """Return a line about the defaults that failed and only warn; empty for none."""
        failed = self._failed(result, warned=True)
        return failure_text(failed) if failed else ""

    def _failed(self, result: Result, *, warned: bool) -> tuple[Verdict, ...]:
        return tuple(
            one
            for one in result.thresholds
            if not one.passed and (one.default and self._defaults_only_warn) is warned
        )


def unserved(result: Result, *, is_over: bool) -> PyloadError | None:
    """Return the error of a run in which no proxy ever got its config.

    Args:
        result: The figures.
        is_over: Whether the run has had all of its time; a user may stop it before the first.
    """
    reasons = {name: count for name, count in result.disconnects.items() if name != "local"}
    if not result.proxies.wanted or result.first_config.count or not (reasons or is_over):
        return None
    if not reasons:
        lacks = "".join(f" ({one.lack})" for one in result.unserved[:1])
        return ControlPlaneUnreachable(
            f"no proxy ever got its config: {result.proxies.connected} of "
            f"{result.proxies.wanted} were connected when the run was over{lacks}",
            fix="give it a longer --duration, or see whether the control plane answers",
        )
    most = max(reasons, key=lambda name: reasons[name])
    fix = "check --pilot-address and --auth (every port but 15010 means jwt, over TLS)"
    if most == "token":
        fix = "grant the account `create` on serviceaccounts/token, or use port 15010"
    elif most == "certificate":
        fix = "check that the CA, at --ca-address or --pilot-address, signs for service accounts"
    return ControlPlaneUnreachable(
        f"no proxy ever got its config: {sum(reasons.values())} attempts failed, most of "
        f"them with `{most}`",
        fix=f"{fix}; `--log_output_level adsc:info` shows each attempt",
    )
