"""``pyload doctor``: what would keep a run from working, each with its fix.

The modules `ask_*` and `command` gather facts, with limits of time, and do nothing else. All others
are pure: each turns facts into findings, so that a cluster in any state can be described in a test.
"""
