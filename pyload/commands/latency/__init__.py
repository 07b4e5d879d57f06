"""``pyload latency``: how long a change takes until proxies have it."""
