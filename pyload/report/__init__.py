"""What a run measured, and how it is shown.

The other wings count events in a `pyload.report.metrics.Metrics` and record times in a
`pyload.report.histogram.Histogram`. While the run goes on, ``progress`` shows a snapshot of them on
the terminal and ``metrics_server`` serves them to Prometheus (``prometheus``); at the end,
``summary`` makes the run's result of them, as JSON and as text, with parts from ``latency``,
``pacing`` and ``followed_pods``. ``loop_lag`` and ``process`` measure pyload itself.

Nothing here connects to a control plane or to an API server, or knows how proxies work.
"""
