"""Building a mesh, keeping it moving, and taking it down again.

`plan` decides what there will be, `objects` how that looks in the API server, `run` does it.
Nothing here knows of flags, files or terminals.
"""
