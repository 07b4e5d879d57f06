"""Proxies that are emulated: what each is, and fleets of them that are counted together.

A `ProxySpec` says what a proxy is. A fleet (`fleet` has the interface) starts and stops proxies by
key: `local_fleet` in this process, `pool` in worker processes. For each proxy, `connect` puts
together a client of `pyload.xds`, which speaks the protocol; `targets` and `channels`, which find
its control plane and what it shows there; and the fleet's `dial_scheduler`, which says when it may
connect. A `monitor` observes the client and counts. `proxy` is a single one for the users of the
library. Why a proxy should run is not decided here, but by `pyload.mesh` and `pyload.pods`.
"""

from __future__ import annotations
