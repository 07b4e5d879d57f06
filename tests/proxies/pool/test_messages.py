"""What each of several workers is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.pool.messages import Setup

SOURCES = st.dictionaries(
    st.sampled_from(["istiod:15010", "istiod:15012"]),
    st.lists(st.sampled_from(["::1", "::2", "::3", "::4"]), min_size=1, max_size=4, unique=True),
)


@given(SOURCES, st.integers(1, 6))
def test_workers_share_all_addresses_and_begin_at_different_ones(
    sources: dict[str, list[str]], workers: int
) -> None:
    """All workers would use up the ports of the first address, and leave the others alone."""
    setup = Setup(delta=True, behavior=ProxyBehavior(), transport="lean", sources=sources)

    shares = [setup.of_worker(number, workers=workers).sources for number in range(workers)]

    for target, addresses in sources.items():
        firsts = {share[target][0] for share in shares}
        assert len(firsts) == min(workers, len(addresses))
        assert all(sorted(share[target]) == sorted(addresses) for share in shares)


@given(st.floats(0.1, 1e6), st.integers(1, 64))
def test_workers_together_dial_as_fast_as_one(rate: float, workers: int) -> None:
    """A limit of the connect rate would be multiplied by the number of workers."""
    setup = Setup(delta=True, behavior=ProxyBehavior(connect_rate=rate), transport="lean")

    shares = [setup.of_worker(number, workers=workers).behavior for number in range(workers)]

    assert sum(share.connect_rate or 0.0 for share in shares) == pytest.approx(rate)


def test_what_is_not_shared_is_the_same_for_all() -> None:
    """The proxies of one worker would behave or log in another way than those of the next."""
    setup = Setup(
        delta=False,
        behavior=ProxyBehavior(nack_fraction=0.5),
        transport="grpc",
        exclusive=True,
        levels={"pyload": 10},
    )

    (first, second) = (setup.of_worker(number, workers=2) for number in range(2))

    assert first == second
    assert (first.delta, first.transport, first.exclusive, first.levels) == (
        setup.delta,
        setup.transport,
        setup.exclusive,
        setup.levels,
    )
    assert first.behavior.nack_fraction == 0.5
