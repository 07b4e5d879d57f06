"""Talking to a Kubernetes API server.

`resources` is the catalogue of kinds. `client` has the verbs; it limits the rate (`limiter`),
repeats requests that may be repeated (`retry`) and turns refusals into errors with a fix
(`status`). It sends through a `transport.Transport`: `http` over sockets, with the credentials that
`credentials` finds in kubeconfig files, or the embedded API server in memory. What a kubeconfig's
fields are stands in `kubeconfig_fields`; which proxy a request takes and where it follows the
server are decided by `proxy` and `redirect`, and `connector` and `socks` carry it there. On top of
the client, `watch` follows a collection, `upsert` writes an object that may exist already, as a
`decision` says, `discovery` finds served kinds and `tokens` fetches tokens for proxies. `documents`
cuts files of objects into single ones, without a server.

The objects that pyload writes are built in `pyload.manifests`, and written by `pyload.mesh`.
"""
