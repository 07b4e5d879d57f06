"""What the commands that run something have in common.

A command is put together here: the servers that it talks to and how it reaches them, the fleet of its
proxies, what the machine can hold, and the run around them with its figures, its result and its end.
What one command alone needs stands in `pyload.commands`.
"""
