"""Any config that is valid, for property tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from pyload.config.app_types import APP_TYPES
from pyload.config.dialect import SCHEMAS
from pyload.config.istio import APPLICATION_ONLY, KINDS
from pyload.config.model import (
    Application,
    ClusterConfig,
    ConfigRef,
    Gateways,
    IstioObject,
    Jitter,
    Namespace,
    NodeGroup,
)
from pyload.units import Duration

if TYPE_CHECKING:
    from pyload.config.model import Dialect, IstioKind


LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True) | st.sampled_from(
    ["n", "y", "on", "no", "null", "0x1f", "1e3", "012", "5"]
)

SERVICE = LABEL.filter(lambda name: name[0].isalpha())

PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)

SPAN = st.integers(0, (1 << 63) - 1).map(Duration)


def istio(kinds: tuple[IstioKind, ...]) -> st.SearchStrategy[tuple[IstioObject, ...]]:
    """Make the objects of an `istio` block, in their order."""
    names = st.sampled_from(["", "a", "on"])

    def make(kind: IstioKind) -> st.SearchStrategy[IstioObject]:
        # Names without a namespace are of Gateways that the config makes.
        name = LABEL.map("elsewhere/{}".format) | st.just("mesh")
        gateways = st.lists(name, max_size=2).map(tuple)
        if kind != "virtualService":
            gateways = st.just(())
        return st.builds(IstioObject, st.just(kind), names, gateways)

    return st.sets(st.sampled_from(kinds)).flatmap(
        lambda chosen: st.tuples(*(make(kind) for kind in kinds if kind in chosen))
    )


SHARED = tuple(kind for kind in KINDS if kind not in APPLICATION_ONLY)


def values() -> st.SearchStrategy[Any]:
    """Make what a template may be given, as it is in a file."""
    plain = st.none() | st.booleans() | st.integers(-(1 << 62), 1 << 62) | PRINTABLE
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PRINTABLE, inner, max_size=2),
        max_leaves=4,
    )


TEMPLATES = {"mine": "a: {{ .Name }}\n  b\n", "on": " {{ .x }}", "": ""}


def refs() -> st.SearchStrategy[tuple[ConfigRef, ...]]:
    """Use templates."""
    given = st.dictionaries(
        PRINTABLE.filter(lambda key: key not in ("Rand", "Namespace")), values(), max_size=2
    )
    names = st.sampled_from(["mine", "on", "sidecar"])
    one = st.builds(ConfigRef, names, given, st.sampled_from([None, True, False]))
    return st.lists(one, max_size=2).map(tuple)


def configs(dialect: Dialect) -> st.SearchStrategy[ClusterConfig]:
    """Make valid configs."""
    count = st.integers(0, 20)
    classic = dialect == "classic"
    none: st.SearchStrategy[tuple[IstioObject, ...]] = st.just(())
    types = [one for one in SCHEMAS[dialect].types if not one.is_waypoint]
    application = st.builds(
        Application,
        SERVICE,
        st.sampled_from(types),
        st.integers(1, 20),
        count,
        st.dictionaries(LABEL, LABEL | st.just(""), max_size=3),
        istio=istio(KINDS) if classic else none,
        configs=st.just(()) if classic else refs(),
    )
    router = st.builds(
        Application,
        SERVICE,
        st.just(APP_TYPES["router"]),
        gateways=st.builds(Gateways, LABEL | st.just(""), st.integers(1, 3)),
    )
    namespace = st.builds(
        Namespace,
        LABEL,
        st.integers(1, 20),
        applications=st.lists(application | router if classic else application, max_size=3).map(
            tuple
        ),
        waypoint=st.just("") if classic else st.sampled_from(["", "infra/w"]),
        istio=istio(SHARED) if classic else none,
        configs=st.just(()) if classic else refs(),
    )
    nodes = st.lists(
        st.builds(NodeGroup, LABEL, st.integers(1, 20), st.booleans()), min_size=1, max_size=3
    )
    jitter = st.builds(Jitter, SPAN, SPAN, SPAN if classic else st.just(Duration(0)))
    return st.builds(
        ClusterConfig,
        SPAN,
        jitter,
        st.booleans(),
        st.dictionaries(PRINTABLE, PRINTABLE, max_size=3),
        nodes.map(tuple),
        st.lists(namespace, max_size=3, unique_by=lambda one: one.name).map(tuple),
        istio=istio(SHARED) if classic else none,
        templates=st.just({} if classic else TEMPLATES),
        probe=SPAN,
    )
