"""The commands, each composed of the layers below; nothing here parses flags or prints.

A command has options, which `pyload.cli` fills in, and a coroutine ``run_<command>``, which returns
an `Outcome`. Commands that load servers describe their part as a `pyload.harness.run.Workload`. A
command with parts of its own is a folder, whose module `command` puts them together.
"""
