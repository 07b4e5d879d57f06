"""What one proxy is sent, and when it has everything."""

from __future__ import annotations

from pyload.commands.dump.fetch import Fetched
from pyload.xds.resources import name_of
from pyload.xds.types import CDS, EDS, LDS, Push, TypeUrl
from tests.xds.messages import named


def a_push(type_url: TypeUrl, *bodies: bytes, removed: tuple[str, ...] = ()) -> Push:
    """Build a response with its resources."""
    return Push(
        type_url=type_url,
        size=0,
        resources=len(bodies),
        removed=len(removed),
        nonce="n",
        version="v",
        names=tuple(map(name_of, bodies)),
        removed_names=removed,
        bodies=bodies,
    )


def test_a_partial_response_loses_nothing() -> None:
    """Istiod sends the endpoints of one changed cluster alone; pilot-load forgot the others."""
    fetched = Fetched(delta=False)
    fetched.on_push(a_push(EDS, named(EDS, "a"), named(EDS, "b")))
    fetched.on_push(a_push(EDS, named(EDS, "b")))
    fetched.on_push(a_push(LDS, named(LDS, "x"), named(LDS, "y")))
    fetched.on_push(a_push(LDS, named(LDS, "y")))

    assert set(fetched.resources[EDS]) == {"a", "b"}
    assert set(fetched.resources[LDS]) == {"y"}


def test_delta_removes_what_it_says() -> None:
    """A resource that is gone must not be dumped."""
    fetched = Fetched(delta=True)
    fetched.on_push(a_push(CDS, named(CDS, "a"), named(CDS, "b")))
    fetched.on_push(a_push(CDS, named(CDS, "c"), removed=("a",)))

    assert set(fetched.resources[CDS]) == {"b", "c"}
