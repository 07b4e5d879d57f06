"""``pyload reproduce``: replays a captured cluster."""
