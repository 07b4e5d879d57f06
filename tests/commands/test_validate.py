"""What `pyload validate` finds before a run would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.cli.program import program
from pyload.commands.validate import MAX_ALIKE, check_file
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yaml"))

BROKEN = """
namespaces:
- name: mesh
  applications:
  - {name: web, replicas: 30, pods: 100, configs: [fails, {name: odd, config: {value: 1}}]}
  - {name: route, configs: [sometimes]}
templates:
  fails: "{{ fail .Name }}"
  odd: "kind: A"
  sometimes: |
    #refresh=true
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: {{ if .Rand }}{{ .name }}{{ else }}x{{ end }}}
nodes: [{count: 2}]
"""


def checked(tmp_path: Path, text: str) -> list[str]:
    """Return the problems of a config."""
    path = tmp_path / "mesh.yaml"
    path.write_text(text)
    verdict = check_file(str(path))
    return [problem.removeprefix(f"{tmp_path}/") for problem in verdict.problems]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_valid(path: Path) -> None:
    """People start from an example."""
    verdict = check_file(str(path))

    assert (verdict.problems, verdict.warnings) == ((), ())


def test_everything_is_said_at_once(tmp_path: Path) -> None:
    """Each mistake would cost a start of the mesh."""
    capacity, fails, odd, sometimes = checked(tmp_path, BROKEN)
    alike = f" (and {MAX_ALIKE - 1} more like it)"
    assert capacity.startswith("mesh.yaml: have 2 nodes, but need 12 for 3000 pods; ")
    assert fails.startswith("mesh.yaml: for mesh/web-")
    assert ': template: fails:1:3: executing "fails" at <fail .Name>: ' in fails
    assert fails.endswith(alike)
    assert "template odd for web-" in odd
    assert odd.endswith(alike)
    assert sometimes.endswith("metadata.name cannot be '<no value>'; see the template's text")


def test_problems_of_the_config_come_with_their_places(tmp_path: Path) -> None:
    """An editor could not jump to them."""
    text = "namespaces: [{nme: a}]\njitter: {config: 5x}\ntemplates: {a: '{{'}\n"
    found = checked(tmp_path, text)

    assert [one.split(": ")[0] for one in found] == [
        "mesh.yaml:1:15",
        "mesh.yaml:2:18",
        "mesh.yaml:3:16",
    ]


def test_a_large_config_takes_no_time(tmp_path: Path) -> None:
    """Nobody validates in an editor or a hook what takes minutes."""
    text = (
        "namespaces: [{replicas: 1000, applications: "
        "[{replicas: 1000, pods: 10, configs: [virtualservice]}]}]\n"
        "nodes: [{count: 40000}]\n"
    )
    assert checked(tmp_path, text) == []


def test_the_command_checks_all_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A hook for many configs would stop at the first, or let a bad one through."""
    good, bad, odd = (tmp_path / f"{name}.yaml" for name in ("good", "bad", "odd"))
    good.write_text("namespaces: [{name: mesh, applications: [{instances: 1}]}]\n")
    bad.write_text("namespaces: [{nme: mesh}]\n")
    odd.write_text("templates: {sidecar: ''}\nnamespaces: [{configs: [sidecar]}]\n")
    files = [str(good), str(bad), "/nonexistent", str(odd)]

    assert program("pyload", ["validate", *files]) == 2
    captured = capsys.readouterr()
    assert captured.out == f"{good}: ok\n{odd}: ok\n"
    lines = captured.err.splitlines()
    assert lines[0].startswith(f"{bad}:1:15: unknown key `nme`")
    assert lines[1].startswith("/nonexistent: failed to read config file")
    assert lines[2] == f'warning: {odd}:1:13: overriding default template "sidecar"'
    assert len(lines) == 3
    assert program("pyload", ["validate", str(good), str(odd)]) == 0


def test_what_only_some_clusters_can_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A config for kwok would be found good, and refused when it is run."""
    path = tmp_path / "mesh.yaml"
    path.write_text("nodes: [{ztunnel: {}}]\n")

    assert program("pyload", ["validate", str(path)]) == 0
    assert program("pyload", ["validate", "--cluster-type", "kwok", str(path)]) == 2
    assert "--cluster-type kwok" in capsys.readouterr().err


def test_a_config_that_runs_nothing_is_not_ok(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half-written files were `ok`, and their runs too (A7); with kwok, pods may be others'."""
    path = tmp_path / "mesh.yaml"
    path.write_text("nodes: [{count: 3}]\n")

    assert program("pyload", ["validate", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"{path}:1:1: nothing would run: ")
    assert program("pyload", ["validate", "--cluster-type", "kwok", str(path)]) == 0


def test_no_file_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A pattern of a script that matches nothing would pass."""
    assert program("pyload", ["validate"]) == 2
    assert capsys.readouterr().err.startswith("Error: FILE required")


def test_unknown_keys_may_be_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A config that is run with --lenient could not be checked."""
    path = tmp_path / "mesh.yaml"
    path.write_text("namespaces: [{nme: mesh, applications: [{pods: 1}]}]\n")

    assert program("pyload", ["validate", "--lenient", str(path)]) == 0
    assert "warning: " in capsys.readouterr().err
