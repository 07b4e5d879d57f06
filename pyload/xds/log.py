"""The log lines of a proxy: those of pilot-load, for scripts that search them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from pyload.units import Duration
from pyload.xds.types import PREFIX, TypeUrl, short

if TYPE_CHECKING:
    from pyload.errors import StreamError

logger = logging.getLogger("pyload.adsc")

_UNMATCHED_LOGGED: Final = 10


class Log:
    """The log lines of one proxy, with pilot-load's labels.

    Args:
        name: The proxy's node id.
        delta: Whether the proxy speaks delta, for which pilot-load words some lines differently.

    Attributes:
        on: Whether anything is written at all.
    """

    __slots__ = ("_delta", "name", "on")

    def __init__(self, name: str, *, delta: bool) -> None:
        self.on = logger.isEnabledFor(logging.INFO)
        self._delta = delta
        self.name = name

    @property
    def ip(self) -> str:
        """The proxy's IP."""
        return self.name.split("~", 2)[1]

    def info(self, text: str, *values: object) -> None:
        """Write a line with the label of the workload."""
        if self.on:
            workload = self.name.split("~", 3)[2].rpartition(".")[0]
            # `--log_caller` is to show the place in the code that calls this.
            logger.info(text, *values, extra={"labels": {"workload": workload}}, stacklevel=2)

    def plain(self, text: str) -> None:
        """Write a line without labels."""
        if self.on:
            logger.info(text, stacklevel=2)

    def first(self, type_url: TypeUrl, seconds: float) -> None:
        """Write that the first response of a type has come, and how long it took."""
        if self.on:
            self.info(
                "Got Initial Update: %s for %s in %s", self.ip, short(type_url), Seconds(seconds)
            )

    def ended(self, detail: str) -> None:
        """Write why the stream ended."""
        if not self.on:
            return
        if self._delta:
            logger.info("Connection closed: %s", detail, extra={"labels": {"node": self.name}})
        else:
            logger.info("Connection closed for %s: %s", self.name, detail)

    def unmatched(self, type_url: TypeUrl, names: tuple[str, ...]) -> None:
        """Warn of resources that were never asked for."""
        kind = type_url.removeprefix(f"{PREFIX}envoy.config.")
        extra = {"labels": {"node": self.name}}
        for name in names[:_UNMATCHED_LOGGED]:
            logger.warning("Ignoring unmatched resource %s/%s", kind, name, extra=extra)


class Seconds:
    """A duration that is rendered as Go does, and only if the line is written at all."""

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __str__(self) -> str:
        return str(Duration.from_seconds(self._seconds))


def in_go(error: StreamError) -> str:
    """Return an error as Go's gRPC writes it, for scripts that look for ``code = Unavailable``."""
    if error.code == 0:
        return "EOF"
    name = "Canceled" if error.name == "CANCELLED" else error.name.title().replace("_", "")
    return f"rpc error: code = {name} desc = {error.message}"
