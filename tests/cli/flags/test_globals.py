"""The global flags, which stand before or after the command's name."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest
from click import Context

from pyload.cli.adsc import command
from pyload.cli.flags.globals import GLOBAL, Settings, default_pilot_address, settings_of
from pyload.cli.flags.go import rewrite
from pyload.cli.logs import LogOptions
from pyload.cli.program import ROOT
from pyload.errors import UsageError
from pyload.harness.connection import Connection
from pyload.proxies.identity import NodeOptions

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return an environment without anything that the flags go by."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return monkeypatch


def settings(
    before: Sequence[str] = (), after: Sequence[str] = (), *, name: str = "pyload"
) -> Settings:
    """Return the settings of a command with these flags around its name."""
    with (
        ROOT.make_context(name, [*before, "adsc"], auto_envvar_prefix="PYLOAD") as parent,
        command.make_context("adsc", list(after), parent=parent) as context,
    ):
        return settings_of(context)


def test_without_flags_the_connection_is_that_of_the_library() -> None:
    """A program and a script that say nothing would reach different servers."""
    assert settings() == Settings(
        connection=Connection(metrics_addr="127.0.0.1:8765", istiod_metrics="auto"),
        log=LogOptions(),
        given=frozenset(),
        environ=None,
    )


def test_templates_read_the_environment_only_where_that_is_allowed() -> None:
    """Secrets would get into a cluster; but pilot-load's templates have always read it."""
    assert settings().environ is None
    assert settings(["--allow-env=true"]).environ is os.environ
    assert settings(name="pilot-load").environ is os.environ


def test_metrics_stay_on_the_machine_unless_the_user_says_otherwise() -> None:
    """Everybody in the network could see which cluster is tested, and how."""
    assert settings(["--metrics-addr", ":8765"]).connection.metrics_addr == ":8765"
    assert settings(["--metrics-addr", ""]).connection.metrics_addr == ""
    assert settings(name="pilot-load").connection.metrics_addr == ":8765"


def test_pilot_load_looks_for_no_metrics() -> None:
    """A script of pilot-load would ask the API server for what its account may not see."""
    assert settings(name="pilot-load").connection.istiod_metrics == "none"
    asked = settings(after=["--istiod-metrics", "auto"], name="pilot-load")
    assert asked.connection.istiod_metrics == "auto"


def test_pilot_loads_proxies_stay_as_they_are() -> None:
    """A script's figures of istiod would be five times those of its last run."""
    ours, theirs = settings().connection, settings(name="pilot-load").connection

    assert (ours.node, ours.assumed_version, theirs.node) == ("full", "", "bare")
    assert theirs.node_options() == NodeOptions(full=False, assumed_version="1.24.0-pilot-load")
    both = settings(after=["--node", "full", "--istio-version", "1.31.0"], name="pilot-load")
    assert both.connection.node_options().full
    assert both.connection.node_options().istio_version == "1.31.0"


def test_a_node_is_full_or_bare() -> None:
    """A misspelt one would be measured as the other."""
    with pytest.raises(UsageError, match="--node small is not supported"):
        settings(after=["--node", "small"]).connection.check()


def test_every_field_has_a_flag_of_its_name() -> None:
    """A field without a flag could not be set, and the command line would not start."""
    # Two follow from the name that the program is called by.
    names = {field.name for field in fields(Connection)} - {"assumed_version"}
    names |= {f"log_{field.name}" for field in fields(LogOptions)} - {"log_as_pilot_load"}

    assert names == GLOBAL - {"log_stacktrace_level", "vklog", "quiet", "verbose", "allow_env"}


def test_flags_become_settings() -> None:
    """A switch would do nothing."""
    given = settings(
        ["-p", "h:1", "-a", "mtls", "--ca-address", "c:2", "--csr-per-pod", "true", "--qps", "5"],
        [
            *("-k", "k", "--delta", "f", "--transport", "grpc", "--log_target", "f"),
            *("--metrics-addr=", "--istiod-metrics", "h:15014"),
        ],
    )

    assert given.connection == Connection(
        pilot_address="h:1",
        auth="mtls",
        ca_address="c:2",
        csr_per_pod=True,
        qps=5,
        kubeconfig="k",
        delta=False,
        transport="grpc",
        istiod_metrics="h:15014",
    )
    assert given.log == LogOptions(target=("f",))
    assert given.given >= {"pilot_address", "delta", "log_target"}


def test_the_later_of_two_wins_and_metadata_add_up() -> None:
    """A wrapper script sets its flags before the name, and its user theirs after it."""
    both = settings(["--qps", "1", "-m", "a=1,b=1"], ["--qps", "2", "-m", "b=2", "-m", "c=3"])

    assert both.connection.qps == 2
    assert both.connection.metadata == {"a": "1", "b": "2", "c": "3"}


def test_the_command_line_wins_over_the_environment(environment: pytest.MonkeyPatch) -> None:
    """The environment of the command's own name would win over what was typed before it."""
    environment.setenv("PYLOAD_ADSC_AUTH", "jwt")
    environment.setenv("PYLOAD_METADATA", "a=b c")

    assert settings().connection.auth == "jwt"
    assert settings(["-a", "mtls"]).connection.auth == "mtls"
    assert settings().connection.metadata == {"a": "b c"}
    assert settings([], ["-m", "d=e"]).connection.metadata == {"d": "e"}


def test_pods_name_their_control_plane_unless_the_user_does() -> None:
    """All proxies of a cluster with two control planes would connect to one of them."""
    connection = settings().connection

    assert settings().pod_connection == replace(connection, pilot_address="")
    assert settings(["-p", ""]).pod_connection == replace(connection, pilot_address="")
    assert settings(["-p", "a:1"]).pod_connection == replace(connection, pilot_address="a:1")


def test_in_a_pod_the_default_is_the_clusters_istiod(environment: pytest.MonkeyPatch) -> None:
    """Nothing listens at localhost in a pod that runs pyload alone."""
    environment.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")

    assert settings().connection.pilot_address == "istiod.istio-system.svc:15010"
    assert default_pilot_address({}) == Connection().pilot_address


def test_quiet_and_verbose_yield_to_what_is_said_of_a_scope() -> None:
    """`-q` with one scope at debug is how one follows that scope alone."""
    assert settings(["-q"]).log.output_level == "all:warn"
    assert settings((), ["-v", "--log_output_level=kube:info"]).log.output_level == (
        "all:debug,kube:info"
    )
    with pytest.raises(UsageError, match="-q and -v contradict each other"):
        settings(["-q"], ["-v"])


def test_a_commands_own_short_flag_wins() -> None:
    """`victoriapush -v URL` is pilot-load's, and would be taken for two other things."""
    push = ROOT.get_command(Context(ROOT), "victoriapush")
    assert push is not None
    arguments = rewrite(["victoriapush", "-v", "http://h:1"], ROOT.params, lambda _: push.params)
    with push.make_context("victoriapush", arguments[1:]) as context:
        assert context.params["victoria_address"] == "http://h:1"
        assert not context.params["verbose"]
