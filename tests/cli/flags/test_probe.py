"""The flags of probes."""

from __future__ import annotations

import pytest

from pyload.cli.adsc import command as adsc
from pyload.cli.cluster import command
from pyload.cli.flags.probe import probe_flags
from pyload.cli.program import ROOT
from pyload.commands.isolated import IsolatedOptions, run_isolated
from pyload.commands.reproduce.command import ReproduceOptions
from pyload.errors import UsageError
from pyload.harness.probe_options import ProbeOptions
from pyload.units import Duration


def flags(*arguments: str) -> ProbeOptions:
    """Return the flags of a run with these arguments."""
    with command.make_context("cluster", list(arguments)) as context:
        return probe_flags(context)


def test_without_flags_the_config_decides() -> None:
    """A config's `probe` would mean nothing, or runs without one would write objects."""
    assert flags() == ProbeOptions()
    assert flags().seconds(Duration(5_000_000_000)) == 5.0
    assert flags().seconds() == 0.0


@pytest.mark.parametrize("text", ["none", "0", "0s"])
def test_a_config_can_be_overruled(text: str) -> None:
    """A config that is shared has probes, and a user who wants none cannot edit it."""
    assert flags("--probe", text).seconds(Duration(5_000_000_000)) == 0.0


def test_flags_become_options() -> None:
    """A flag would do nothing."""
    found = flags("--probe", "1m30s", "--probe-kind", "EndpointSlice")
    assert (found.seconds(), found.kind) == (90.0, "EndpointSlice")


@pytest.mark.parametrize("text", ["often", "10", "-5s"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    """`--probe 10` would be ten nanoseconds, or nothing."""
    with pytest.raises(UsageError, match="is not an interval"):
        flags("--probe", text)


@pytest.mark.parametrize("name", ["cluster", "impersonate", "isolated", "reproduce"])
def test_commands_whose_proxies_are_the_load_have_the_flags(name: str) -> None:
    """Convergence could be had of some kinds of fleets only."""
    found = ROOT.get_command(ROOT.make_context("pyload", [name]), name)
    assert found is not None
    assert {one.name for one in found.params} >= {"probe", "probe_kind"}


def test_a_command_that_cannot_probe_says_why() -> None:
    """`no such option` would leave users to guess whether they misspelt it."""
    with pytest.raises(UsageError, match="adsc writes nothing to an API server"):
        adsc.make_context("adsc", ["--probe", "10s"])
    adsc.make_context("adsc", ["--probe", "none"])


def test_a_run_without_proxies_cannot_probe() -> None:
    """It would write probes for nobody, and measure nothing."""
    with pytest.raises(UsageError, match="--config-only runs none"):
        ReproduceOptions(file="-", config_only=True, probe=ProbeOptions(interval=1.0))


@pytest.mark.anyio
async def test_isolated_without_proxies_cannot_probe() -> None:
    """An API server alone has nobody to reach."""
    options = IsolatedOptions(apiserver_only=True, probe=ProbeOptions(interval=1.0))
    with pytest.raises(UsageError, match="--apiserver-only runs none"):
        await run_isolated(options)
