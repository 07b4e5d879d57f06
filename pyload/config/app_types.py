"""The application types: what an application can be, and what follows from it.

Config, plan, objects and proxies ask a type for its properties and never for its name, so a new
type is one more record here. It lives in `pyload.config`, the lowest layer that needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.config.model import Dialect

_BOTH: Final[tuple[Dialect, ...]] = ("classic", "current")


@dataclass(frozen=True, slots=True)
class AppType:
    """One application type.

    Attributes:
        name: Name of the type in a config.
        dialects: Dialects that know the name.
        default_of: Dialect in which an application without a type is of this one.
        counterpart: Name of the type in the other dialect, if it differs.
        proxy: Type of the xDS node in each pod, as istiod reads it; empty without an xDS client.
        in_cluster: Whether it has pods and a Service; otherwise a ServiceEntry describes it.
        ambient: Whether its pods are reached through the ztunnel of their node.
        gateways: Whether the key `gateways` makes Gateways for it, each with a Secret.
        workload: Whether a WorkloadGroup and a WorkloadEntry stand for its machine.
        note: Last column of the table in docs/config.md.
    """

    name: str
    dialects: tuple[Dialect, ...] = _BOTH
    default_of: Dialect | None = None
    counterpart: str = ""
    proxy: Literal["", "sidecar", "router", "waypoint"] = ""
    in_cluster: bool = True
    ambient: bool = False
    gateways: bool = False
    workload: bool = False
    note: str = ""

    @property
    def is_sidecar(self) -> bool:
        """Whether its pods are in the mesh by a sidecar."""
        return self.proxy == "sidecar"

    @property
    def is_gateway(self) -> bool:
        """Whether its pods are gateways, whose proxies ask istiod for Secrets."""
        return self.proxy == "router"

    @property
    def is_waypoint(self) -> bool:
        """Whether its pods are a waypoint.

        A Gateway of class ``istio-waypoint`` names it, so its own name has no random part; Istio
        makes the pods wherever Istio's controllers run.
        """
        return self.proxy == "waypoint"


SIDECAR: Final = AppType("sidecar", default_of="classic", proxy="sidecar")

APP_TYPES: Final[Mapping[str, AppType]] = {
    one.name: one
    for one in (
        AppType("plain", default_of="current"),
        SIDECAR,
        AppType(
            "ambient",
            ambient=True,
            note="the pods say that they are reached through their ztunnel",
        ),
        AppType(
            "router",
            dialects=("classic",),
            counterpart="gateway",
            proxy="router",
            gateways=True,
            note="Gateways and TLS Secrets, see `gateways`",
        ),
        AppType("gateway", dialects=("current",), counterpart="router", proxy="router"),
        AppType(
            "waypoint",
            dialects=("current",),
            proxy="waypoint",
            note="a Gateway of class `istio-waypoint`",
        ),
        AppType("external", in_cluster=False, note="a ServiceEntry"),
        AppType(
            "vm",
            in_cluster=False,
            workload=True,
            note="a ServiceEntry, a WorkloadGroup and a WorkloadEntry",
        ),
        AppType("ztunnel", note="like `plain`"),
    )
}
"""All types by their names, in the order of the documentation."""


def types_of(dialect: Dialect) -> tuple[AppType, ...]:
    """Return the types that a dialect knows, its default first."""
    known = [one for one in APP_TYPES.values() if dialect in one.dialects]
    return tuple(sorted(known, key=lambda one: one.default_of != dialect))
