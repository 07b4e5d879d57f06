"""What a run measured, and how it is shown: counters, histograms, the summary, live progress.

Nothing here knows about clusters, proxies or protocols; those tell `pyload.report.metrics.Metrics`
what happens.
"""
