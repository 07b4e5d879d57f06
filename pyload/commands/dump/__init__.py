"""``pyload dump``: writes a pod's xDS configuration as files.

`fetch` asks the control plane as the pod's proxy would, `envoy_json` turns the resources into
protobuf's JSON, and `envoy_files` lays them out as files that Envoy can be started from.
"""
