"""What the user wrote in a config file, read into one validated model.

Two dialects of pilot-load end in the same `pyload.config.model.ClusterConfig`. Everything here is
pure except `pyload.config.file`, which reads the bytes. What the config turns into (objects,
proxies, their order) belongs to `pyload.mesh`.
"""
