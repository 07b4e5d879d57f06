"""The flags of ``pyload isolated``."""

from __future__ import annotations

import pytest

from pyload.cli.program import program


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--listen", "nowhere"], "--listen 'nowhere' is not an address"),
        (["--threshold", "proxys.failed == 0"], "proxys.failed"),  # codespell:ignore proxys
        (["--duration", "-5s"], "-5s"),
        (["-c", "nowhere.yaml"], "nowhere.yaml"),
        (["--out", "/nowhere/r.json"], "cannot write /nowhere/r.json"),
        (["-s", "--wait", "none"], "--wait means nothing here: --shortCircuit"),
        (["--apiserver-only", "--startup-timeout=1s"], "--startup-timeout means nothing here"),
    ],
)
def test_a_wrong_flag_is_a_mistake_before_anything_is_served(
    flags: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Servers would be up, with clients connected, when the user hears of a typing error."""
    assert program("pyload", ["isolated", *flags]) == 2

    said = capsys.readouterr()
    assert problem in said.err
    assert "Traceback" not in said.err
