"""What a run measured, and how it is shown.

The other wings count events in a `pyload.report.metrics.Metrics` and record times in a
`pyload.report.histogram.Histogram`. While the run goes on, ``progress`` shows a snapshot of them on
the terminal and ``metrics_server`` serves them to Prometheus (``prometheus``). ``result`` is what
is made of them: a record whose sections are the records of ``counts``, ``latency``, ``outage`` and
others, with its forms as JSON (``result_json``) and as text (``summary_text``). ``loop_lag`` and
``process`` measure pyload itself.

Nothing here connects to a control plane or to an API server, or knows how proxies work.
"""
