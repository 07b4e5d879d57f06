"""``pyload cluster``: builds a mesh, runs its proxies, and cleans up.

`options` holds the flags, `planning` draws the plan from the config, and `command` runs it on
servers. The mesh itself, its objects and its churn, is `pyload.mesh`.
"""
