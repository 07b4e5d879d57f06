"""Why the streams of proxies end."""

from __future__ import annotations

from typing import Final

_OWN_REASONS: Final = (
    "connect",
    "token",
    "certificate",
    "max_age",
    "goaway",
    "keepalive",
    "server_closed",
    "protocol",
    "local",
    "failed",
    "worker",
)
_GRPC_STATUSES: Final = (
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
)
DISCONNECT_REASONS: Final = (*_OWN_REASONS, *_GRPC_STATUSES)
"""Why a stream ends; docs/result.md says what each means."""
