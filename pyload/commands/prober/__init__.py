"""``pyload prober``: how long a new route takes until a gateway serves it."""
