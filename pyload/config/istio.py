"""Reading the Istio objects of the classic dialect: `istio` blocks and `gateways`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from pyload.config.model import Gateways, IstioKind, IstioObject
from pyload.config.names import check_name
from pyload.config.scalars import read_text

if TYPE_CHECKING:
    from pyload.config.mappings import Block

KINDS: Final[tuple[IstioKind, ...]] = get_args(IstioKind)
APPLICATION_ONLY: Final = frozenset({"virtualService", "destinationRule"})


def read_istio(
    block: Block, place: Literal["istio", "applicationIstio"]
) -> tuple[IstioObject, ...]:
    """Return the objects that the key `istio` asks for, in the order of creation."""
    istio = block.block("istio", place)
    if istio is None:
        return ()
    all_of_them = istio.flag("default") or False
    objects = []
    for kind in KINDS:
        one = istio.block(kind, "virtualService" if kind == "virtualService" else "istioObject")
        if one is not None:
            objects.append(_object(kind, one))
        elif all_of_them and (place == "applicationIstio" or kind not in APPLICATION_ONLY):
            objects.append(IstioObject(kind))
    return tuple(objects)


def _object(kind: IstioKind, block: Block) -> IstioObject:
    names = (read_text(block.findings, item, "gateways") for item in block.items("gateways"))
    return IstioObject(kind, _name(block, suffix=0), tuple(name for name in names if name))


def read_gateways(block: Block | None) -> Gateways:
    """Read the `gateways` of a router."""
    if block is None:
        return Gateways()
    name = _name(block, suffix=len("-abcdefgh"))
    return Gateways(name, block.count("replicas") or int(bool(name)))


def _name(block: Block, *, suffix: int) -> str:
    name = block.text("name")
    if name:
        block.findings.complain(block.at("name"), check_name(name, suffix=suffix, dots=True))
    return name
