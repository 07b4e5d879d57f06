"""Stand-ins for Kubernetes and Istio that run inside the process.

An API server (`apiserver`) and a control plane (`controlplane`), good enough to see and test the
whole tool without a cluster. Nothing here may know about runs, configs or commands.
"""
