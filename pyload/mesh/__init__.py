"""A mesh: what it consists of, how it is built, kept moving and taken down again.

`planner` turns a config into a `plan` of names, addresses and placements; `steps` says in which
order it is created, and `builder` what each step's objects look like. `mesh` takes the steps with
the help of `apps` (one application's pods and proxies) and `writer` (every write, with a `ledger`
of what exists and the `ownership` of what was there before). While the mesh runs, `churn` changes
it, `kubelet` makes its pods run and `leases` keeps its nodes alive. `cleanup` goes back through the
steps; `deletion` removes the objects of commands that have no steps.

What objects consist of is in `pyload.manifests`, how the API server is spoken to in `pyload.kube`,
and how proxies connect in `pyload.proxies`. Flags, files and terminals are unknown here.
"""
