"""kwok, and the injector that a cluster with Istio has beside it.

`stages` decides what becomes of the nodes and pods of kwok, `kwok` has it written; `inject` adds a
sidecar to a new pod, and `admission` is its hook in the API server. Schedulers and controllers are
those of any embedded cluster (`pyload.embedded.controllers`).
"""
