"""Fleets of proxies: many xDS clients on one event loop, counted together, or a single one to read.

What a proxy says on its stream belongs to ``pyload.xds``; why it runs, to the callers.
"""

from __future__ import annotations
