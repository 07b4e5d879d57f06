"""``pyload cleanup``: lists what runs have left in a cluster, and removes it.

`runs` sorts the objects that are found by run, and decides which runs are spared; `command` asks
the API server and deletes.
"""
