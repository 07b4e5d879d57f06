"""HTTP/2 without sockets."""

from __future__ import annotations
