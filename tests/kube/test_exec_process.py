"""Running real plug-ins: seen, bounded, and never in the way."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from pyload.errors import UsageError
from pyload.kube.exec_process import run_plugin
from tests.kube.plugins import a_config, a_plugin

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.process, pytest.mark.socket]


async def run(path: Path | str, limit: float = 20.0, **changes: object) -> bytes:
    """Run a plug-in as pyload does."""
    config = a_config(path, **changes)
    return await run_plugin(
        config, '{"told": 1}', environ=os.environ, interactive=False, limit=limit
    )


async def test_a_plugin_gets_its_arguments_its_variables_and_what_it_is_told(
    tmp_path: Path,
) -> None:
    """It would log in with another profile than kubectl's."""
    code = (
        "import os, sys\n"
        "print(sys.argv[1:], os.environ['WHO'], os.environ['KUBERNETES_EXEC_INFO'], 'HOME' in "
        "os.environ, sys.stdin.read())"
    )
    env = [{"name": "WHO", "value": "me"}]

    output = await run(a_plugin(tmp_path, code), args=["a", "b c"], env=env)

    assert output.decode().strip() == """['a', 'b c'] me {"told": 1} True"""


async def test_what_a_plugin_says_is_shown_while_it_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody could enter a code that is shown when the login is over."""
    seen = tmp_path / "seen"
    code = (
        "import os, sys, time\n"
        "sys.stderr.write('enter ABCD'); sys.stderr.flush()\n"
        f"for _ in range(500):\n"
        f"    if os.path.exists({str(seen)!r}): break\n"
        "    time.sleep(0.01)\n"
        "answer(token='t')"
    )

    class Terminal:
        """Notes what is written, and lets the plug-in go on."""

        def write(self, text: str) -> None:
            if "ABCD" in text:
                seen.touch()

        def flush(self) -> None:
            """Do nothing."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", Terminal())
        output = await run(a_plugin(tmp_path, code))

    assert b'"t"' in output
    assert seen.exists()
    capsys.readouterr()


async def test_a_plugin_that_fails_says_why(tmp_path: Path) -> None:
    """The user would have to run it by hand to learn it."""
    code = "import sys; print('no session\\nlog in first\\n', file=sys.stderr); sys.exit(3)"
    with pytest.raises(UsageError, match=r"failed with exit code 3: log in first"):
        await run(a_plugin(tmp_path, code))


async def test_a_plugin_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """A plug-in that waits for a browser on a server would keep a pipeline for ever."""
    begun = time.monotonic()
    with pytest.raises(UsageError, match=r"has not ended within 0\.3 s"):
        await run(a_plugin(tmp_path, "import time; time.sleep(60)"), limit=0.3)
    assert time.monotonic() - begun < 10


async def test_a_plugin_that_prints_without_end_is_ended(tmp_path: Path) -> None:
    """It would fill the memory, or wait for a full pipe for ever."""
    code = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    with pytest.raises(UsageError, match="prints more than an ExecCredential"):
        await run(a_plugin(tmp_path, code))


async def test_much_on_standard_error_holds_nothing_up(tmp_path: Path) -> None:
    """A plug-in that logs more than a pipe holds would never end."""
    code = "import sys; sys.stderr.write('x' * 1_000_000 + '\\n'); answer(token='t')"
    assert b'"t"' in await run(a_plugin(tmp_path, code))


async def test_a_child_that_stays_behind_holds_nothing_up(tmp_path: Path) -> None:
    """A plug-in that starts an agent for later would hold up pyload as long as that lives."""
    code = (
        "import subprocess, sys\n"
        "subprocess.Popen(['sleep', '20'])\n"
        "answer(token='t'); sys.stdout.flush()"
    )
    begun = time.monotonic()
    assert b'"t"' in await run(a_plugin(tmp_path, code))
    assert time.monotonic() - begun < 10


async def test_a_plugin_that_is_not_there_comes_with_its_hint(tmp_path: Path) -> None:
    """The one who wrote the kubeconfig says there how to get it."""
    with pytest.raises(UsageError, match="is not installed") as caught:
        await run("no-such-plugin", installHint="brew install it")
    assert caught.value.fix == "brew install it"
    path = a_plugin(tmp_path, "")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="may not be executed"):
        await run(path)
