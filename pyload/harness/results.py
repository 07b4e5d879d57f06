"""The results of a run as of any moment: on its way, at its end, and for a part of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyload.report.limits import limit_of

if TYPE_CHECKING:
    from pyload.harness.recorder import Recorder
    from pyload.harness.run_options import RunOptions
    from pyload.harness.span import Mark, Span
    from pyload.harness.workload import Workload
    from pyload.report.result import Result

STILL_RUNNING: Final = "still running"
"""In place of why a run ended."""


class Results:
    """Makes results of what one run has recorded.

    Args:
        workload: The command's parts.
        recorder: Records the figures.
        options: What the user said of the run.
    """

    def __init__(self, workload: Workload, recorder: Recorder, options: RunOptions) -> None:
        self._workload = workload
        self._recorder = recorder
        self._options = options

    async def current(
        self, span: Span | None = None, *, reason: str = STILL_RUNNING, is_over: bool = False
    ) -> Result:
        """Return all figures as of now, of a part of the run or of all of it."""
        if self._workload.fleet is not None:
            await self._workload.fleet.refresh()
        if is_over:
            self._recorder.metrics.close_spreads()
        return self.last(span, reason=reason)

    async def mark(self) -> Mark:
        """Return how far the figures are, as the beginning of a part of the run."""
        workload, recorder = self._workload, self._recorder
        if workload.fleet is not None:
            await workload.fleet.refresh()
        await recorder.read_istiods()
        # Pushes that are on their way are those of the time before.
        recorder.metrics.close_spreads()
        return recorder.mark(workload.fleet)

    def last(self, span: Span | None = None, *, reason: str = STILL_RUNNING) -> Result:
        """Return all figures as they were last reported."""
        result = self._workload.extend(self.common(reason, span))
        return result if self._workload.only_lists else replace(result, limit=limit_of(result))

    def common(self, reason: str, span: Span | None = None) -> Result:
        """Return the figures that all commands have, as they were last reported."""
        writer, options = self._workload.writer, self._options
        left = 0 if writer is None or options.embedded else len(writer.ledger)
        result = self._recorder.result(
            self._workload.fleet, left=left, exit_reason=reason, span=span
        )
        return replace(
            result,
            command=options.called or result.command,
            command_line=options.command_line,
            config=self._workload.config,
            tags=options.tags,
        )
