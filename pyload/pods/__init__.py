"""Proxies for the pods of a cluster whose nodes kwok fakes.

With `Policy.any_node` the nodes do not matter, and are not looked at.

``nodes`` tells which nodes those are, ``desired`` which pods should have a proxy, ``shard`` which
of them are this process's; ``cache`` joins what was seen of nodes and pods, and ``follow`` watches
the cluster and keeps a fleet equal to that. What a pod says of its proxy is read in
``pyload.pods.reader``; nothing here creates anything in the cluster.
"""

from __future__ import annotations
