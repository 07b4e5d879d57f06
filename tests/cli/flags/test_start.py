"""The flags of a run's start-up."""

from __future__ import annotations

import pytest
from click import BadParameter

from pyload.cli.adsc import command
from pyload.cli.flags.start import start_flags
from pyload.cli.program import ROOT
from pyload.harness.start_options import NO_WAIT, PATIENT, StartCondition, StartOptions


def flags(*arguments: str, name: str = "pyload") -> StartOptions:
    """Return the flags of a run with these arguments, of a program of some name."""
    with command.make_context(name, list(arguments)) as context:
        return start_flags(context)


def test_without_flags_the_options_are_those_of_the_library() -> None:
    """A program and a script that say nothing would wait for different things."""
    assert flags() == StartOptions()


@pytest.mark.parametrize(
    "name", ["adsc", "cluster", "impersonate", "isolated", "latency", "reproduce"]
)
def test_every_command_that_runs_proxies_has_the_flags(name: str) -> None:
    """A script could wait for the proxies of kwok mode alone (B4)."""
    found = ROOT.get_command(ROOT.make_context("pyload", [name]), name)
    assert found is not None

    assert {one.name for one in found.params} >= {"wait", "startup_timeout", "out", "tags"}


def test_flags_become_options() -> None:
    """A switch would do nothing."""
    assert flags("--wait", "connected=3", "--startup-timeout", "1m") == StartOptions(
        StartCondition("connected", 3), 60.0
    )
    assert flags("--startup-timeout", "0").timeout is None
    assert flags("--wait", "none").wait is None


def test_under_the_name_of_pilot_load_a_run_waits_only_if_it_is_told_to() -> None:
    """Its scripts start runs whose proxies connect hours later, and expect them to go on."""
    assert flags(name="pilot-load") == NO_WAIT
    assert flags("--wait", "configured=all", name="/bin/pilot-load").wait == StartCondition(
        "configured"
    )
    assert flags("--startup-timeout", "1m", name="pilot-load") == StartOptions(None, 60.0)


def test_a_measurement_waits_for_its_proxies_under_every_name() -> None:
    """`pilot-load xds-latency` would time changes on proxies that are not there yet."""

    def patient(*arguments: str, name: str) -> StartOptions:
        with command.make_context(name, list(arguments)) as context:
            return start_flags(context, as_pilot_load=PATIENT)

    assert patient(name="pilot-load") == PATIENT
    assert patient(name="pyload") == StartOptions()
    assert patient("--startup-timeout", "1m", name="pilot-load") == StartOptions(timeout=60.0)
    assert patient("--wait", "none", name="pilot-load").wait is None


def test_a_limit_below_0_is_refused() -> None:
    """A typing mistake would end each run at its first moment."""
    with pytest.raises(BadParameter, match="'-1s' is below 0"):
        flags("--startup-timeout", "-1s")
