"""``pyload latency``: measures how long a change takes until proxies have it.

`changes` knows what is created and how a proxy's config shows it, `arrivals` collects the moments
at which it arrives at each proxy, and `command` creates and deletes objects in rounds.
"""
