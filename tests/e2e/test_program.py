"""The installed program, as a user or a script calls it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.outside import Cluster, run_servers
from tests.report.schema import problems

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
BIN = Path(sys.executable).parent

# No kubeconfig of the person who runs the tests may ever be used.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST") and not name.startswith("PYLOAD_")
} | {"HOME": "/nonexistent"}


def pyload(
    *arguments: str | Path, program: str = "pyload", stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        [BIN / program, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=18,
        env=ENVIRONMENT,
        check=False,
    )


def still(tmp_path: Path, example: str) -> Path:
    """Write an example without its jitter.

    A pod that is just being replaced when the run ends counts twice.
    """
    text = (EXAMPLES / example).read_text()
    path = tmp_path / example
    path.write_text(re.sub(r"^jitter:\n(  .*\n)+", "", text, flags=re.MULTILINE))
    return path


def embedded(tmp_path: Path, *arguments: str, config: str = "basic.yaml") -> dict[str, Any]:
    """Run a mesh without churn for three seconds, and return its result."""
    out, mesh = tmp_path / "r.json", still(tmp_path, config)
    done = pyload(
        *("cluster", "--embedded", "-c", mesh, "--duration", "3s", "--out", out),
        *("--metrics-addr", "127.0.0.1:0", *arguments),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    result = json.loads(out.read_text())
    assert problems(result) == []
    assert isinstance(result, dict)
    return result


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--cluster-type", "fake"),
        ("--cluster-type", "real"),
        ("--delta=false",),
        ("--auth", "jwt"),
        ("--auth", "mtls", "--csr-per-pod"),
        ("--auth", "mtls", "--transport", "grpc"),
        ("--workers", "1", "--delta=false"),
        ("--workers", "2"),
        ("--workers", "2", "--auth", "mtls", "--csr-per-pod"),
        ("--workers", "2", "--auth", "jwt", "--transport", "grpc"),
    ],
)
def test_every_proxy_gets_every_type_and_nothing_is_left(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """The main job, as the README shows it, in each of its forms."""
    result = embedded(tmp_path, *arguments)
    proxies, pushes = result["proxies"], result["pushes"]

    assert proxies["wanted"] == proxies["connected"] == proxies["configured"] == 6
    assert (proxies["failed"], result["objects"]["failed"], result["objects"]["left"]) == (0, 0, 0)
    assert all(pushes[kind] >= 6 for kind in ("cds", "eds", "lds", "rds"))
    assert 0 < result["first_config"]["p50"] <= result["first_config"]["max"]


def test_both_dialects_make_the_same_mesh(tmp_path: Path) -> None:
    """Users of newer pilot-load configs get what their file says."""
    result = embedded(tmp_path, config="basic-current.yaml")

    assert result["proxies"]["configured"] == 6


@pytest.mark.parametrize("workers", ["0", "auto"])
def test_kwok_mode_as_the_readme_shows_it(tmp_path: Path, workers: str) -> None:
    """Six sidecars, two pods without a proxy, and the reason why."""
    arguments = ("--cluster-type", "kwok", "--wait", "connected=all", "--workers", workers)
    result = embedded(tmp_path, *arguments, config="kwok-bookinfo.yaml")

    assert result["proxies"]["configured"] == result["proxies"]["wanted"] == 6
    assert sum(result["kwok"]["skipped"].values()) == 2
    assert result["kwok"]["from_ip"]["count"] >= 6
    assert (result["generator"]["workers"] > 0) == (workers == "auto")
    assert result["objects"]["left"] == 0


def test_a_config_from_standard_input() -> None:
    """`generate | pyload cluster -c -` is how scripts pass configs."""
    mesh = "namespaces: [{name: m, applications: [{instances: 1}]}]\n"
    done = pyload("cluster", "--embedded", "-c", "-", "--duration", "1s", stdin=mesh)

    assert done.returncode == 0
    assert 'cluster "primary" synced, starting cluster scaler' in done.stdout


def start(*arguments: str, program: str = "pyload") -> subprocess.Popen[str]:
    """Start the program as a terminal does: with a group of processes of its own."""
    return subprocess.Popen(
        [BIN / program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        process_group=0,
    )


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cleans_up_and_exits_0(number: signal.Signals, workers: str) -> None:
    """ctrl-C, which goes to the whole group, and `kubectl delete pod` are how most runs end."""
    arguments = ("--embedded", "--metrics-addr", "", "--workers", workers)
    with start("cluster", *arguments) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "synced" in line:
                break
        os.killpg(process.pid, number)
        output = process.stdout.read()

    assert process.returncode == 0, output
    assert "Traceback" not in output
    assert "died" not in output


def test_a_killed_worker_costs_no_proxy(tmp_path: Path) -> None:
    """The kernel's choice of a victim would decide over an hour's run."""
    out = tmp_path / "r.json"
    arguments = ("--workers", "2", "--duration", "8s", "--out", str(out), "--metrics-addr", "")
    config = str(still(tmp_path, "basic.yaml"))
    with start("cluster", "--embedded", "-c", config, *arguments) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Got Initial Update" in line:
                break
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        workers = [
            int(child)
            for child in children
            if b"pyload.proxies.pool.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        output = process.stdout.read()
    result = json.loads(out.read_text())

    assert process.returncode == 0, output
    assert "worker 0 died of signal 9" in output
    assert result["generator"]["worker_restarts"] == 1
    assert result["proxies"]["configured"] == result["proxies"]["wanted"] == 6


@pytest.mark.timeout(40)
def test_a_run_that_is_killed_leaves_what_it_had_measured(tmp_path: Path) -> None:
    """The kernel kills without a signal that could be handled, and takes an hour's figures."""
    out = tmp_path / "r.json"
    arguments = ("--workers", "2", "--out", str(out), "--metrics-addr", "")
    config = str(still(tmp_path, "basic.yaml"))
    with start("cluster", "--embedded", "-c", config, *arguments) as process:
        deadline = time.monotonic() + 25
        while not out.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    result = json.loads(out.read_text())

    assert problems(result) == []
    assert result["exit_reason"] == "still running"
    assert result["thresholds"] == []
    assert result["first_config"]["count"] == result["proxies"]["configured"] == 6
    assert sum(result["history"]["series"]["pushes.cds"]) >= 6
    assert str(out) in result["command_line"]
    assert list(tmp_path.glob("*.part")) == []


def test_a_signal_during_the_start_cleans_up_and_exits_130(tmp_path: Path) -> None:
    """An impatient user must not find half a mesh in the cluster."""
    out = tmp_path / "r.json"
    arguments = ("-c", str(EXAMPLES / "thousand.yaml"), "--out", str(out), "--metrics-addr", "")
    with start("cluster", "--embedded", *arguments) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "starting namespace" in line:
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.stdout.read()

    assert process.returncode == 130
    assert json.loads(out.read_text())["objects"]["left"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("cluster", "-c", "/no/such.yaml"), 2, "/no/such.yaml"),
        (("cluster", "-c", "/"), 2, "directory"),
        (("cluster", "-c", sys.executable), 2, "UTF-8"),
        (("cluster", "--cluster-type", "moon"), 2, 'unknown cluster type "moon"'),
        (("cluster", "--auth", "kerberos"), 2, "plaintext-jwt, mtls"),
        (("cluster", "--csr-per-pod"), 2, "add --auth mtls"),
        (("cluster", "--workers", "many"), 2, "or auto"),
        (("adsc", "--agent-types", "ads"), 2, "nds, pcds"),
        (("adsc", "--connect-rate", "0"), 2, "above 0"),
        (("cluster", "--slow-fraction", "2"), 2, "from 0 to 1"),
        (("cluster", "--ca-file", "/x", "--insecure"), 2, "contradict"),
        (("cluster", "--qps", "many"), 2, "whole number"),
        (("cluster", "--duration", "10"), 2, "duration"),
        (("cluster", "--nosuch"), 2, "--nosuch"),
        (("cluster", "--duration", "-5s"), 2, "below 0"),
        (("cluster", "--duration", "0s"), 2, "above 0"),
        (("cluster", "--wait", "ready"), 2, "connected=all"),
        (("adsc", "--startup-timeout", "-1s"), 2, "or 0 for none"),
        (("cluster", "--cluster-type", "kwok", "--shard", "2/2"), 2, "shards are counted from 0"),
        (("cluster", "--cluster-type", "kwok"), 3, "--kubeconfig"),
        (("clusterr",), 2, "clusterr"),
        (("cluster", "--pilot-address", "nowhere"), 2, "HOST:PORT"),
        (("cluster",), 3, "--kubeconfig"),
        (("adsc", "-a", "plaintext", "-p", "localhost:1"), 3, "connection refused"),
        (("adsc", "--log_output_level", "loud"), 2, "invalid output level"),
        (("cluster", "-k", "/no/such/config"), 2, "/no/such/config"),
        (("cluster", "-k", "/"), 2, "directory"),
    ],
)
def test_mistakes_and_trouble_get_one_clear_sentence(
    arguments: tuple[str, ...], code: int, says: str
) -> None:
    """A user's mistake never ends in a traceback, and its exit code says whose it was."""
    done = pyload(*arguments)

    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_every_problem_of_a_config_at_once(tmp_path: Path) -> None:
    """Fixing a config one error per run is what users hate."""
    config = tmp_path / "mesh.yaml"
    config.write_text("namespces: []\nnodes:\n- count: many\n")
    done = pyload("cluster", "--embedded", "-c", config)
    lines = done.stderr.splitlines()

    assert done.returncode == 2
    assert lines[0].startswith(f"{config}:1:1: ")
    assert "namespaces" in lines[0]
    assert lines[1].startswith(f"{config}:3:10: ")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run an API server and a control plane in another process."""
    with run_servers(tmp_path_factory.mktemp("kube")) as found:
        yield found


def test_a_control_plane_that_is_killed_in_mid_run_is_exit_code_4(
    tmp_path: Path, cluster: Cluster
) -> None:
    """It is the very thing that a load test of istiod looks for (A1)."""
    script, port = Path(__file__).with_name("forwarder.py"), cluster.plaintext.rpartition(":")[2]
    with subprocess.Popen(
        [sys.executable, script, port], stdout=subprocess.PIPE, text=True
    ) as forwarder:
        assert forwarder.stdout is not None
        address = f"127.0.0.1:{forwarder.stdout.readline().strip()}"
        junit = tmp_path / "junit.xml"
        arguments = (
            *("-c", str(still(tmp_path, "basic.yaml")), "-k", cluster.kubeconfig),
            *("-p", address, "-a", "plaintext", "--duration", "6s", "--metrics-addr", ""),
            *("--junit", str(junit)),
        )
        with start("cluster", *arguments) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if "starting cluster scaler" in line:
                    break
            forwarder.kill()
            output = process.stdout.read()

    assert process.returncode == 4, output
    assert "✗ proxies.failed == 0: 6" in output
    assert "warn\tcontrol plane: 0 of 6 proxies connected since 2" in output
    # The summary is as wide as a terminal.
    assert "6 of 6 proxies lost, none back, not over at the end" in " ".join(output.split())
    assert '<testcase classname="pyload cluster" name="run"' in junit.read_text()


@pytest.mark.parametrize(("program", "code"), [("pyload", 4), ("pilot-load", 0)])
def test_a_mesh_without_proxies_fails_except_under_the_name_of_the_go_tool(
    program: str, code: int
) -> None:
    """CI must not pass for it, and scripts of pilot-load must not break (A7)."""
    mesh = "namespaces: [{applications: [{name: web, type: external, instances: 1}]}]"
    done = pyload(
        *("cluster", "--embedded", "-c", "-", "--duration", "500ms"), program=program, stdin=mesh
    )

    assert done.returncode == code
    assert "threshold failed: proxies.started >= 1 (it is 0)" in done.stderr


def test_a_threshold_of_the_users_is_exit_code_4() -> None:
    """The example of the documentation, with the one line that says why (B4)."""
    arguments = ("-c", EXAMPLES / "basic.yaml", "--duration", "1s")
    threshold = ("--threshold", "first_config.p99 < 1ms")
    done = pyload("cluster", "--embedded", *arguments, *threshold)

    assert done.returncode == 4
    assert re.fullmatch(
        r"Error: threshold failed: first_config\.p99 < 1ms \(it is \S+\)\n", done.stderr
    )


@pytest.mark.parametrize("auth", ["plaintext", "jwt", "plaintext-jwt"])
def test_a_cluster_outside_the_program(tmp_path: Path, cluster: Cluster, auth: str) -> None:
    """A kubeconfig and an address are all that a run needs."""
    out = tmp_path / "r.json"
    done = pyload(
        *("cluster", "-c", EXAMPLES / "basic.yaml", "-k", cluster.kubeconfig, "--auth", auth),
        *("--pilot-address", cluster.tls if auth == "jwt" else cluster.plaintext),
        *("--duration", "2s", "--out", out, "--metrics-addr", ""),
    )
    result = json.loads(out.read_text())

    assert done.returncode == 0, done.stdout + done.stderr
    assert result["proxies"]["configured"] == 6
    assert result["objects"]["left"] == 0


def test_what_a_script_passes_to_pilot_load_today(tmp_path: Path, cluster: Cluster) -> None:
    """The alias takes the flags of existing scripts, which end it with a signal."""
    config = tmp_path / "mesh.yaml"
    config.write_text("namespaces: [{applications: [{instances: 1}]}]\n")
    arguments = ("-c", str(config), "--pilot-address", cluster.plaintext, "--cluster-type")
    flags = ("fake-node", "--qps", "5000", "-m", "A=b", "--delta", "-a=plaintext")
    with start(
        *("cluster", *arguments, *flags, f"--kubeconfig={cluster.kubeconfig}"), program="pilot-load"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Got Initial Update" in line and " rds " in line:
                break
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()

    assert process.returncode == 0, output
    assert "1 configured" in output


def test_a_control_plane_that_is_away(cluster: Cluster) -> None:
    """Nothing is created for a control plane that nobody could reach."""
    done = pyload("cluster", "-k", cluster.kubeconfig, "--pilot-address", "localhost:1")

    assert done.returncode == 3
    assert "cannot reach the control plane at localhost:1: connection refused" in done.stderr


def test_examples_come_with_the_program(tmp_path: Path) -> None:
    """Who has installed pyload has no checkout to copy one from."""
    listed = pyload("examples")
    started = pyload("init", "basic", tmp_path / "mesh.yaml")

    assert (listed.returncode, started.returncode) == (0, 0), listed.stderr + started.stderr
    assert "kwok-bookinfo" in listed.stdout
    assert pyload("validate", tmp_path / "mesh.yaml").returncode == 0


def test_help_and_version() -> None:
    """The first two things that anybody types."""
    for arguments in (("--help",), ("cluster", "-h"), ("adsc", "--help"), ("completion", "bash")):
        done = pyload(*arguments)
        assert done.returncode == 0
        assert "pyload" in done.stdout
        assert len(done.stdout.splitlines()) <= 50
    assert pyload("--version").stdout.startswith("pyload ")
