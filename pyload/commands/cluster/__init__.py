"""``pyload cluster``: builds a mesh, runs it, and cleans up."""
