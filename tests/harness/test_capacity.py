"""Whether so many proxies fit a machine."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.harness.capacity import BASE_BYTES, SPARE_FILES, Machine, Requirements, assess

LOCAL, REMOTE = "127.0.0.1:15010", "10.0.0.1:15012"


def machine(
    *,
    files: int = 1024,
    files_max: int = 1 << 20,
    files_open: int = 20,
    ports: int = 28_232,
    memory: int | None = None,
    spread: bool = True,
) -> Machine:
    """Make a machine that has enough of everything."""
    return Machine(
        files=files,
        files_max=files_max,
        files_open=files_open,
        ports=ports,
        memory=memory,
        spread=spread,
    )


def requirements(
    proxies: dict[str, int], *, processes: int = 1, files_each: int = 1, open_ended: bool = False
) -> Requirements:
    """Return requirements with 60 KB per proxy."""
    return Requirements(
        proxies=proxies,
        loopback=frozenset({LOCAL}),
        processes=processes,
        files_each=files_each,
        open_ended=open_ended,
        bytes_each=60_000,
    )


def test_a_small_run_needs_nothing() -> None:
    """Whoever tries pyload out would be greeted with warnings."""
    assessment = assess(requirements({LOCAL: 100}), machine())
    assert (assessment.files, assessment.sources, assessment.shortfalls) == (1024, {}, ())


@pytest.mark.parametrize(
    ("processes", "files_each", "files"),
    [(1, 1, 10_000), (1, 2, 20_000), (4, 1, 2_500)],
)
def test_the_soft_limit_is_raised_to_what_one_process_needs(
    processes: int, files_each: int, files: int
) -> None:
    """The run would stop at the 1,024th proxy, as it does where nobody has set ulimit."""
    assessment = assess(
        requirements({REMOTE: 10_000}, processes=processes, files_each=files_each), machine()
    )
    assert assessment.files == files + 20 + SPARE_FILES
    assert assessment.shortfalls == ()


def test_a_run_of_unknown_size_takes_what_it_may() -> None:
    """Proxies that follow the pods of a cluster can become many later."""
    assessment = assess(requirements({}, open_ended=True), machine(files_max=4096))
    assert assessment.files == 4096


def test_a_hard_limit_that_is_too_low_is_told_with_the_figures() -> None:
    """Thousands of proxies would fail with `too many open files`, one by one."""
    assessment = assess(requirements({REMOTE: 10_000}, processes=2), machine(files_max=4096))
    (shortfall,) = assessment.shortfalls
    assert assessment.files == 4096
    assert "may open 4096 files" in str(shortfall)
    assert f"about {2 * (4096 - 20 - SPARE_FILES)} of 10000" in str(shortfall)
    assert f"ulimit -Hn {5000 + 20 + SPARE_FILES}" in shortfall.fix


def test_loopback_is_spread_over_more_addresses() -> None:
    """A test of 50,000 proxies on one machine would crawl from the 14,117th on, and end."""
    assessment = assess(requirements({LOCAL: 50_000, REMOTE: 100}), machine())
    assert assessment.sources == {LOCAL: ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")}
    assert assessment.shortfalls == ()


@pytest.mark.parametrize(("target", "spread"), [(REMOTE, True), (LOCAL, False)])
def test_too_few_ports_are_told(target: str, spread: bool) -> None:  # noqa: FBT001 - a parameter
    """Dials would fail with `cannot assign requested address`."""
    assessment = assess(requirements({target: 30_000}), machine(spread=spread))
    (shortfall,) = assessment.shortfalls
    assert assessment.sources == {}
    assert "28232 ephemeral ports" in shortfall.what
    assert "ip_local_port_range" in shortfall.fix


def test_too_little_memory_is_told() -> None:
    """The kernel would kill the run in its middle, with nothing reported."""
    memory = BASE_BYTES + 1_000 * 60_000
    assert assess(requirements({REMOTE: 1_000}), machine(memory=memory)).shortfalls == ()
    (shortfall,) = assess(requirements({REMOTE: 1_001}), machine(memory=memory)).shortfalls
    assert "enough for about 1000" in shortfall.what


@given(
    proxies=st.dictionaries(st.sampled_from([LOCAL, REMOTE]), st.integers(0, 2_000_000)),
    processes=st.integers(1, 64),
    files_each=st.integers(1, 2),
    files_max=st.integers(0, 1 << 21),
    ports=st.integers(0, 64_512),
    memory=st.none() | st.integers(0, 1 << 42),
    spread=st.booleans(),
)
def test_whatever_is_not_told_suffices(  # noqa: PLR0917 - drawn by name
    proxies: dict[str, int],
    processes: int,
    files_each: int,
    files_max: int,
    ports: int,
    memory: int | None,
    spread: bool,  # noqa: FBT001 - drawn
) -> None:
    """A run that was not warned must not fail for want of files, ports or memory."""
    wanted = requirements(proxies, processes=processes, files_each=files_each)
    there = machine(
        files=min(1024, files_max), files_max=files_max, ports=ports, memory=memory, spread=spread
    )
    assessment = assess(wanted, there)
    told = " ".join(shortfall.what for shortfall in assessment.shortfalls)

    assert there.files <= assessment.files <= max(there.files_max, there.files)
    if "may open" not in told:
        assert assessment.files >= -(-wanted.total // processes) * files_each
    for target, count in proxies.items():
        sources = assessment.sources.get(target, ())
        assert all(ipaddress.IPv4Address(one).is_loopback for one in sources)
        assert len(set(sources)) == len(sources)
        if f"connections to {target}" not in told and len(sources) < 4096:
            assert count <= ports * max(1, len(sources))
    if memory is not None and "of memory" not in told:
        assert wanted.total * wanted.bytes_each <= memory
