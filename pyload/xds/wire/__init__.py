"""Generated protobuf messages: the slim, wire-compatible ones of ``protos/``, and nothing else."""

from __future__ import annotations
