"""The flags that several commands share, each listed once.

A module holds the flags of one concern: its list, and the function that reads their values into the
options of the layer below. `globals` are those of every command; `fleet`, `follow` and `profile`
are decorators, which add their flags to a command and pass it what these say as one argument; `run`
and `mesh` are decorators of a single flag each. `go` is how Go programs spell them. A flag of one
command alone stands in that command's module.
"""
