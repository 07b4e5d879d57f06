"""What acts on the objects of the embedded API server by itself: the controllers of a cluster.

`namespaces` and `definition_controller` belong to every API server here, as nothing works without
them. The others run where `controllers` starts them, on one `control_loop`: Deployments,
ReplicaSets and Jobs get their pods, pods their nodes, services their endpoints; what has no owner
any more goes, and nodes without a sign of life are lost. What a controller decides stands in a
module without requests (`deployments`, `jobs`, `endpoints`, `node_health`, `scheduler`), and the
requests in one beside it. There are none for StatefulSets and DaemonSets. Nothing here may open an
xDS stream.
"""
