"""A fleet in several processes: the pool, its workers, and the messages between them.

The rest of the program sees `pool.WorkerPool`, which is a fleet like any other. For each worker it
has a `worker_handle.WorkerHandle`, which keeps a process running and replaces it when it dies or
hangs; `process` starts it, and is what tests replace by processes in memory. In that process,
`worker.Worker` runs a local fleet and nothing else. Both sides hold one end of a `pipe.Pipe`, over
which they exchange `messages`, written and read by `codec`. What proxies are and how they behave
does not belong here, nor do servers and tokens: workers ask the pool for those.
"""
