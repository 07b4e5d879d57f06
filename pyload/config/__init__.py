"""Config files, read into one validated model.

The text of a file becomes nodes with positions (`yaml`), the keys and types among them decide the
dialect (`dialect`), and the nodes become a `model.ClusterConfig` (`build_model`), the same for both
of pilot-load's dialects. Problems are collected in `scalars.Findings` on the way, each with its
line and column, so that a user sees all of them at once; `parse` raises them. Only `file` does
input. The objects and proxies that a config stands for are planned by `pyload.mesh`.
"""
