"""A fleet in several processes: the pool, its workers, and the messages between them.

The pool is what the rest of the program sees; a worker process runs a local fleet and nothing else.
"""
