"""The pods of a cluster as the source of proxies, in kwok mode and for ``pyload impersonate``.

``reader`` and the modules that it uses (``identity``, ``environment``, ``metadata``) turn a pod's
JSON into a record of the proxy that the pod would run; ``non_mesh_pods`` does so for pods without a
proxy, and ``nodes`` reads nodes. ``desired`` decides from both whether a proxy should run now, with
``shard`` for the part of all pods that this process serves; ``reasons`` lists every reason why none
does. ``cache`` applies that to all nodes and pods as last seen (``node_cache``, ``pod_table``,
``pod_counter``), and returns which proxies to start and to stop after each event. Up to here
nothing waits, watches or connects.

``follower`` watches the cluster, feeds the cache, and logs ``cluster_warnings``; ``reconciler``
starts and stops the proxies of a fleet. Nothing here creates anything in the cluster; the wing
`pyload.mesh` does that.
"""
