"""What acts on objects of the embedded API server by itself, as controllers of a cluster do.

Namespaces get their service accounts and go with their contents, definitions have their kinds
served, Deployments, ReplicaSets and Jobs get their pods, and pods their nodes.
"""
