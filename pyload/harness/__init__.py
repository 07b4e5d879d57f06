"""The parts that commands are put together from.

The servers of a run and the way to them, the fleet of its proxies, what the machine can hold, and
the run around them with its figures, its result and its end. What only one command needs stands in
`pyload.commands`.
"""
