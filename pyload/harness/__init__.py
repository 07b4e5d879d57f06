"""The parts that commands are put together from.

The servers of a run and the way to them, the fleet of its proxies, what the machine can hold, and
the run around them: `recorder` sums up its figures, `run` takes it from its start to its end and
cleans up, `climb` through the steps of a ladder, `observers` lists what goes on beside its work,
`result_file` writes its result, and `outcome` holds what the program prints of it. `run_options`
has the options of every run, to which each command adds its own. Parts that a single command needs
stand in `pyload.commands`.
"""
