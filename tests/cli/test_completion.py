"""What a shell completes."""

from __future__ import annotations

import pytest
from click.shell_completion import get_completion_class

from pyload.cli.program import ALIASES, COMMANDS, ROOT, program


@pytest.mark.process
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_the_flags_of_aliases(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script for each shell, and answers for a command whatever name it is called by."""
    assert program("pyload", ["completion", shell]) == 0
    assert "_PYLOAD_COMPLETE" in capsys.readouterr().out
    kind = get_completion_class(shell)
    assert kind is not None
    completion = kind(ROOT, {}, "pyload", "_PYLOAD_COMPLETE")

    commands = {one.value for one in completion.get_completions([], "")}
    assert commands >= set(COMMANDS)
    for name in (*COMMANDS, *ALIASES):
        flags = {one.value for one in completion.get_completions([name], "--")}
        assert "--log_output_level" in flags, name
    found = completion.get_completions(["in-memory-istiod"], "--short")
    assert [one.value for one in found] == ["--shortCircuit"]
    for words, begun, values in (
        ([], "xds", ["xds-latency"]),
        (["help"], "adsc-", ["adsc-impersonate"]),
        (["cluster", "--cluster-type"], "fake", ["fake-node", "fake"]),
        (["-a"], "pl", ["plaintext", "plaintext-jwt"]),
    ):
        assert [one.value for one in completion.get_completions(words, begun)] == values


@pytest.mark.parametrize(
    ("words", "type_"),
    [
        (["cluster", "-c"], "file"),
        (["reproduce", "-f"], "file"),
        (["pod-startup", "--spec"], "file"),
        (["isolated", "-r"], "file"),
        (["validate"], "file"),
        (["-k"], "file"),
        (["dump", "--out"], "dir"),
    ],
)
def test_completion_offers_files_where_files_are_wanted(words: list[str], type_: str) -> None:
    """`-c mes<TAB>` is the most frequent of all."""
    kind = get_completion_class("bash")
    assert kind is not None
    found = kind(ROOT, {}, "pyload", "_PYLOAD_COMPLETE").get_completions(words, "mes")
    assert [(one.type, one.value) for one in found] == [(type_, "mes")]
