"""Every error that pyload raises on purpose, and the exit code each one ends the program with.

::

    PyloadError                     1  the run failed
    ├── UsageError                  2  wrong flags or arguments
    │   ├── ConfigError             2  a config file with problems, all of them at once
    │   └── TemplateError           2  a template that cannot be read or rendered
    ├── UnreachableError            3
    │   ├── ClusterUnreachable      3  no API server
    │   └── ControlPlaneUnreachable 3  no xDS server
    ├── ApiError                    1  the API server refused a request
    │   ├── Forbidden               1  403
    │   ├── NotFound                1  404
    │   ├── Conflict                1  409
    │   ├── Gone                    1  410
    │   └── TooManyRequests         1  429
    ├── ProtocolError               1
    │   ├── LocalProtocolError      1  pyload was about to break the protocol
    │   └── RemoteProtocolError     1  the peer broke it
    ├── StreamError                 1  an xDS stream ended, with its gRPC status
    ├── ThresholdFailed             4  a figure is beyond what the user allows
    ├── CertificateError            1  a proxy got no certificate
    ├── WaitTimeout                 5  a wait did not end in time
    │   └── StartTimeout            5  start-up took too long
    ├── CleanupIncomplete           6  objects were left behind
    └── Interrupted                 130  stopped before start-up was complete

An error says what happened, where, and what to do. Fields carry the facts; the text is derived.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self


class PyloadError(Exception):
    """Base of all errors that pyload raises on purpose.

    Args:
        what: What happened, in one sentence without a full stop.
        fix: What the user can do about it, or empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix

    def during(self, step: str) -> Self:
        """Put the step during which it happened before the text, and return the error."""
        self.what = f"{step}: {self.what}"
        return self

    def __str__(self) -> str:
        return f"{self.what}; {self.fix}" if self.fix else self.what


class UsageError(PyloadError):
    """Raised when flags, arguments or environment variables make no sense."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file.

    Attributes:
        source: The file as the user named it; ``-`` is standard input.
        line: Counted from 1; 0 where the problem is the file itself.
        column: Counted from 1; 0 where the problem is the file itself.
        what: What is wrong.
        fix: How to mend it, or empty.
    """

    source: str
    line: int
    column: int
    what: str
    fix: str = ""

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        return f"{where}: {self.what}; {self.fix}" if self.fix else f"{where}: {self.what}"


class ConfigError(UsageError):
    """Raised when a config file has problems; carries all of them, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class TemplateError(UsageError):
    """Raised when a Go template cannot be read or rendered; the text is Go's.

    Args:
        what: Go's text, which names the template and the place.
        stage: ``parse`` or ``execute``.
        name: The template that was read, or the one that was running.
        line: Counted from 1.
        column: Bytes before the place in its line, as Go counts them; from 0.
    """

    def __init__(
        self,
        what: str,
        *,
        stage: Literal["parse", "execute"],
        name: str,
        line: int,
        column: int,
        fix: str = "",
    ) -> None:
        super().__init__(what, fix=fix)
        self.stage = stage
        self.name = name
        self.line = line
        self.column = column


class UnreachableError(PyloadError):
    """Raised when a server that the run needs cannot be reached."""

    exit_code: ClassVar[int] = 3


class ClusterUnreachable(UnreachableError):  # noqa: N818 - reads as a state
    """Raised when the Kubernetes API server cannot be reached or its address is not known."""


class ControlPlaneUnreachable(UnreachableError):  # noqa: N818 - reads as a state
    """Raised when no proxy could reach the xDS server."""


class ApiError(PyloadError):
    """Raised when the API server answers a request with an error.

    Args:
        status: HTTP status code.
        reason: ``reason`` of the Kubernetes Status, such as ``AlreadyExists``; may be empty.
        message: ``message`` of the Status, cut at 256 characters.
        verb: HTTP method of the request.
        path: Path of the request, without its query.
        retry_after: Seconds that the server asked to wait, or None.
    """

    def __init__(
        self,
        *,
        status: int,
        reason: str,
        message: str,
        verb: str,
        path: str,
        retry_after: float | None = None,
        fix: str = "",
    ) -> None:
        self.status = status
        self.reason = reason
        self.message = message[:256]
        self.verb = verb
        self.path = path
        self.retry_after = retry_after
        text = self.message or reason or "no message"
        super().__init__(f"{verb} {path}: HTTP {status}: {text}", fix=fix)


class Forbidden(ApiError):  # noqa: N818 - Kubernetes' own name
    """Raised on HTTP 401 and 403: the credentials may not do this."""


class NotFound(ApiError):  # noqa: N818 - Kubernetes' own name
    """Raised on HTTP 404."""


class Conflict(ApiError):  # noqa: N818 - Kubernetes' own name
    """Raised on HTTP 409: the object exists already, or has changed since it was read."""


class Gone(ApiError):  # noqa: N818 - Kubernetes' own name
    """Raised on HTTP 410, or a watch error with code 410: list again."""


class TooManyRequests(ApiError):  # noqa: N818 - Kubernetes' own name
    """Raised on HTTP 429 when retrying did not help."""


class ProtocolError(PyloadError):
    """Base of xDS and HTTP/2 protocol errors."""


class LocalProtocolError(ProtocolError):
    """Raised when a call would make pyload break the protocol; a bug in the caller."""


class RemoteProtocolError(ProtocolError):
    """Raised when the peer sent what the protocol does not allow."""


class StreamError(PyloadError):
    """Raised when an xDS stream cannot be opened or has ended.

    Args:
        code: gRPC status code, 0 to 16.
        name: Its name, such as ``UNAVAILABLE``.
        message: ``grpc-message``, cut at 256 characters.
    """

    def __init__(self, *, code: int, name: str, message: str) -> None:
        self.code = code
        self.name = name
        self.message = message[:256]
        super().__init__(f"rpc error: code = {name} desc = {self.message}")


class ThresholdFailed(PyloadError):  # noqa: N818 - reads as a state
    """Raised when a figure of the run is beyond what the user allows."""

    exit_code: ClassVar[int] = 4


class CertificateError(PyloadError):
    """Raised when the mesh's CA signs no certificate for a proxy, or it cannot be loaded."""


class WaitTimeout(PyloadError):  # noqa: N818 - reads as a state
    """Raised when something waited for did not happen in time."""

    exit_code: ClassVar[int] = 5


class StartTimeout(WaitTimeout):
    """Raised when the proxies of a run were not ready in time."""


class CleanupIncomplete(PyloadError):  # noqa: N818 - reads as a state
    """Raised when objects that the run created are still there after cleanup.

    Args:
        left: One ``Kind namespace/name`` or ``Kind name`` per object.
    """

    exit_code: ClassVar[int] = 6

    def __init__(self, left: tuple[str, ...], *, fix: str = "") -> None:
        shown = ", ".join(left[:10]) + (f" and {len(left) - 10} more" if len(left) > 10 else "")
        super().__init__(f"cleanup left {len(left)} objects behind: {shown}", fix=fix)
        self.left = left


class Interrupted(PyloadError):  # noqa: N818 - reads as a state
    """Raised when a signal stopped the run before its start-up was complete."""

    exit_code: ClassVar[int] = 130
