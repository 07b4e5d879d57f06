"""Environment variables that no flag reads."""

from __future__ import annotations

import pytest

from pyload.cli.program import program


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("PYLOAD_CLUSTER_DURATON", "did you mean PYLOAD_CLUSTER_DURATION?"),
        ("PYLOAD_PILOT_ADRESS", "did you mean PYLOAD_PILOT_ADDRESS?"),
        ("PYLOAD_XYZ", "docs/cli.md lists the flags"),
    ],
)
def test_a_misspelt_variable_is_a_warning(
    variable: str,
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run without the duration that its environment asks for goes on for ever."""
    monkeypatch.setenv(variable, "5s")
    assert program("pyload", ["help"]) == 0
    sentence = f"warning: the environment variable {variable} is of no flag; {hint}\n"
    assert capsys.readouterr().err == sentence


@pytest.mark.parametrize(
    "variable",
    [
        "PYLOAD_QPS",
        "PYLOAD_CLUSTER_DURATION",
        "PYLOAD_ADSC_AUTH",
        "PYLOAD_XDS_LATENCY_COUNT",
        "PYLOAD_ISOLATED_SHORT_CIRCUIT",
        "PYLOAD_SERVICE_HOST",
        "PYLOAD_SERVICE_PORT_METRICS",
        "PYLOAD_PORT_8765_TCP_ADDR",
    ],
)
def test_variables_of_flags_and_of_kubernetes_are_no_mistakes(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pods beside a Service called pyload get its address in such variables."""
    monkeypatch.setenv(variable, "1")
    assert program("pyload", ["help"]) == 0
    assert not capsys.readouterr().err


def test_completions_are_not_disturbed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A warning in the middle of a line that one types would be of no use."""
    monkeypatch.setenv("PYLOAD_XYZ", "1")
    monkeypatch.setenv("_PYLOAD_COMPLETE", "zsh_complete")
    monkeypatch.setenv("COMP_WORDS", "pyload cleanu")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        program("pyload", [])
    assert not capsys.readouterr().err
