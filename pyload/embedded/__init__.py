"""Stand-ins for Kubernetes and Istio that run inside the process: a library in the house.

`apiserver` is a Kubernetes API server in memory, `controlplane` a small control plane that follows
it, and `kwok` all that moves nodes and pods in a kwok cluster; `stack` starts them together for
`--embedded`. They are faithful enough to see and test the whole tool without a cluster, and no
more. They speak to each other over the API server's own interface, as the real ones do, and know
nothing of runs, configs, flags or commands; of the rest, only `harness` and `isolated` start them.
"""
