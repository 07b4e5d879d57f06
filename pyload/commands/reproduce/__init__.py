"""``pyload reproduce``: replays a captured cluster, its objects and its proxies.

`capture` decides what of a capture is replayed and how, `spool` keeps it on disk, as a capture may
be larger than the memory, and `command` creates it on servers.
"""
