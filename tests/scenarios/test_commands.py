"""Whole commands as a user calls them: output, exit codes, signals and closed streams."""

from __future__ import annotations

import json
import os
import pstats
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyload.cli.program import program

ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST") and not name.startswith("PYLOAD_")
} | {"HOME": "/nonexistent"}

CAPTURE = """
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: mesh}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: mesh}}
"""
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs its /proc and /dev")
POD = "spec: {containers: [{name: app, image: a}]}"


def pyload(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pyload", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=18,
        env=ENVIRONMENT,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("startup",), "--namespace required"),
        (("pod-startup", "--namespace", "a"), "--spec required"),
        (("reproduce",), "--file required"),
        (("dump", "--pod", "a"), "--namespace required"),
        (("dump",), "--pod required"),
    ],
)
def test_a_flag_that_is_missing_is_named(
    arguments: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """pilot-load's words, which scripts may look for."""
    assert program("pyload", list(arguments)) == 2
    assert capsys.readouterr().err.startswith(f"Error: {problem}")


@pytest.mark.process
@pytest.mark.parametrize(
    "arguments",
    [
        ("adsc",),
        ("cleanup", "--list"),
        ("cluster",),
        ("dump", "--pod", "a", "--namespace", "b"),
        ("impersonate",),
        ("latency",),
        ("prober",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_way_out_is_one_that_the_command_has(arguments: tuple[str, ...]) -> None:
    """Errors of commands without --embedded said to try it (B12)."""
    done = pyload(*arguments, "--metrics-addr", "", "-p", "127.0.0.1:1", "--auth", "plaintext")
    listed = pyload(arguments[0], "--help").stdout

    assert done.returncode == 3
    assert ("try --embedded" in done.stderr) == ("--embedded" in listed)


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("startup", "--namespace", "a", "--spec", "/nonexistent/p"), "there is no such file"),
        (("reproduce-cluster", "-f", "/nonexistent/c", "-n"), "no such file or directory"),
        (("adsc", "-p", "meshconfig.googleapis.com:443"), "Google's authentication"),
        (("adsc", "--auth", "google"), "Google's authentication"),
        (("isolated", "--listen", "nowhere"), "--listen 'nowhere' is not an address"),
        (("isolated", "--cpuprofile", "/nonexistent/p"), "give --cpuprofile another file"),
        (("diff", "/nonexistent/a", "/nonexistent/b"), "holds no dump"),
        (("victoriapush",), "'' is not the address of VictoriaLogs"),
        (("adsc", "--count", "-1"), "--count -1 is below 0"),
        (("prober", "--replicas=-1"), "--replicas -1 is below 0"),
        (("prober", "--gateway-address", "gw"), "--gateway-address: 'gw' is not an address"),
        (("adsc", "-p", "here"), "--pilot-address: 'here' is not an address"),
        (("prober", "--kubeconfig", "/nonexistent/k"), "/nonexistent/k"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...], problem: str
) -> None:
    """No traceback for what a user mistyped."""
    done = pyload(*arguments)

    assert done.returncode == 2, done.stderr
    assert problem in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.process
def test_nodes_that_cannot_hold_the_pods_are_a_fatal_line(tmp_path: Path) -> None:
    """pilot-load's line, for scripts that search the log, and the sentence for people."""
    config = tmp_path / "mesh.yaml"
    config.write_text("nodes: [{count: 1}]\nnamespaces: [{applications: [{instances: 300}]}]\n")
    done = pyload("cluster", "--embedded", "-c", config)

    assert done.returncode == 1
    assert "\tfatal\thave 1 nodes, but need 2 for 300 pods\n" in done.stdout
    assert "a node holds 255 pods" in done.stderr


@pytest.mark.process
def test_startup_without_a_cluster(tmp_path: Path) -> None:
    """The lines that scripts grep, and the result file, in two seconds."""
    (tmp_path / "pod.yaml").write_text(POD)
    done = pyload(
        *("startup", "--embedded", "--namespace", "mesh", "--spec", tmp_path / "pod.yaml"),
        *("--duration", "1s", "--out", tmp_path / "r.json", "--metrics-addr=", "--inject"),
    )

    assert done.returncode == 0, done.stderr
    assert "\tReport:\tscheduled:" in done.stdout
    assert "\n\nAvg:\tscheduled:" in done.stdout
    assert "\nMax:\tscheduled:" in done.stdout
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["times"]["complete"]["count"] > 0
    assert result["objects"]["left"] == 0


@pytest.mark.process
def test_reproduce_from_standard_input() -> None:
    """`kubectl get ... -o yaml | pyload reproduce -f -`."""
    done = pyload(
        *("reproduce", "-f", "-", "--embedded", "--duration", "100ms", "--metrics-addr="),
        stdin=CAPTURE,
    )

    assert done.returncode == 0, done.stderr
    assert "\tcreated: ConfigMap/c.mesh\n" in done.stdout
    assert "\tAll configs create (2 total)\n" in done.stdout
    assert done.stdout.index("cleaning up ConfigMap/c.mesh") < done.stdout.index(
        "cleaning up Namespace/mesh.\n"
    )


@pytest.mark.process
def test_a_dry_run_of_reproduce(tmp_path: Path) -> None:
    """What a file holds, before a cluster is touched."""
    (tmp_path / "c.yaml").write_text(CAPTURE)
    done = pyload("reproduce", "--dry-run", "-f", tmp_path / "c.yaml")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "create       1 Namespace\ncreate       1 ConfigMap\n"


@pytest.mark.process
def test_victoriapush_reads_standard_input() -> None:
    """Lines that cannot be read are named on standard error; nothing else is."""
    done = pyload(
        *("victoriapush", "-v", "http://127.0.0.1:1"),
        stdin='{"latency": 1, "timestamp": 2, "details": "a"}\nbad\n',
    )

    assert done.returncode == 1
    first, last = done.stderr.splitlines()
    assert first.startswith("Error parsing line: ")
    assert last.startswith("Error: 1 of 1 records were lost")
    assert "\twarn\tfailed to report: error posting victoria logs: " in done.stdout


@pytest.mark.process
def test_a_mesh_in_one_process_with_its_profiles(tmp_path: Path) -> None:
    """The flags of classic pilot-load, on a mesh that ends once synced."""
    done = pyload(
        *("isolated", "-s", "--listen", "127.0.0.1:0", "--metrics-addr="),
        *("--cpuprofile", tmp_path / "cpu", "--kubeconfig-out", tmp_path / "k"),
    )

    assert done.returncode == 0, done.stderr
    assert "\tIstiod is ready (" in done.stdout
    assert "is not istiod" in done.stdout
    assert len(vars(pstats.Stats(str(tmp_path / "cpu")))["stats"]) > 100
    assert "server: http://127.0.0.1:" in (tmp_path / "k").read_text()


def shell(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `"$@"` is the program with arguments."""
    return subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-m", "pyload", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=18,
        env=ENVIRONMENT,
        check=False,
    )


@pytest.mark.process
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(tmp_path: Path, closed: str) -> None:
    """Some cron and init programs close them; libuv aborts when a socket gets their numbers."""
    out = tmp_path / "r.json"
    arguments = ("cluster", "--embedded", "--metrics-addr=", "--duration=100ms", "--out", out)
    done = shell(f'"$@" {closed}; echo code $? >{tmp_path}/code', *arguments)

    assert (tmp_path / "code").read_text() == "code 0\n", done.stderr
    assert json.loads(out.read_text())["objects"]["left"] == 0


@pytest.mark.process
def test_a_reader_that_leaves_ends_the_run(tmp_path: Path) -> None:
    """`pyload ... | head -1` ends, as with SIGPIPE, but cleans up."""
    out = tmp_path / "r.json"
    arguments = ("cluster", "--embedded", "--metrics-addr=", "--out", out)
    # As head does, but not before there are objects.
    done = shell('"$@" | sed "/ synced,/q"', *arguments)
    result = json.loads(out.read_text())

    assert "Traceback" not in done.stderr
    assert (result["objects"]["created"] > 0, result["objects"]["left"]) == (True, 0)
    assert result["exit_reason"] == "stopped by a signal"


@pytest.mark.process
@ON_LINUX
def test_a_full_disk_is_one_sentence() -> None:
    """What cannot be printed is said, with an exit code that a script sees."""
    done = shell('"$@" >/dev/full', "schema")

    assert (done.returncode, done.stderr) == (
        1,
        "Error: cannot write: No space left on device; make room\n",
    )


@pytest.mark.process
@ON_LINUX
@pytest.mark.parametrize(
    "arguments",
    [
        ("cluster", "--embedded", "-c", "-"),
        ("isolated", "-c", "-"),
        ("isolated", "-r", "-", "--listen", "127.0.0.1:0"),
        ("startup", "--embedded", "--namespace", "a", "--spec", "-"),
        ("reproduce", "-f", "-", "--embedded"),
    ],
)
def test_the_wait_for_standard_input_can_be_interrupted(arguments: tuple[str, ...]) -> None:
    """A user who has forgotten the file would be held until they close the terminal."""
    with subprocess.Popen(
        [sys.executable, "-m", "pyload", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        wait_until_it_sleeps(process.pid)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
        assert process.stderr is not None
        said = process.stderr.read()

    assert process.returncode == 130
    assert b"Traceback" not in said


@pytest.mark.process
@pytest.mark.parametrize(
    "arguments",
    [
        ("cluster",),
        ("impersonate",),
        ("latency",),
        ("startup", "--namespace", "a", "--spec"),
        ("prober", "--gateway-address", "127.0.0.1:1"),
        ("dump", "--pod", "a", "--namespace", "a"),
        ("cleanup", "--all"),
    ],
)
def test_a_silent_api_server_does_not_hold_the_user(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """ctrl-C had no effect until a minute of requests had timed out."""
    (tmp_path / "pod.yaml").write_text(POD)
    if arguments[-1] == "--spec":
        arguments += (str(tmp_path / "pod.yaml"),)
    with socket.create_server(("127.0.0.1", 0)) as server:
        (tmp_path / "k").write_text(
            "{current-context: a, users: [{name: a, user: {}}],"
            " contexts: [{name: a, context: {cluster: a, user: a}}], clusters: [{name: a,"
            f" cluster: {{server: 'http://127.0.0.1:{server.getsockname()[1]}'}}}}]}}"
        )
        with subprocess.Popen(
            [sys.executable, "-m", "pyload", *arguments, "-q", "-k", str(tmp_path / "k")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        ) as process:
            silent, _ = server.accept()
            process.send_signal(signal.SIGINT)
            process.wait(timeout=10)
            silent.close()
            assert process.stderr is not None
            said = process.stderr.read()

    # `prober` keeps its standard output for its lines, so its log is on standard error.
    told = [line for line in said.splitlines() if "\tinfo\t" not in line]
    assert (process.returncode, told) == (
        130,
        ["Error: interrupted before start-up was complete"],
    )


def wait_until_it_sleeps(pid: int) -> None:
    """Wait until a program has read all its modules and waits for something."""
    stat, before, quiet = Path(f"/proc/{pid}/stat"), "", 0
    while quiet < 5:
        time.sleep(0.1)
        fields = stat.read_text().rpartition(")")[2].split()
        # Its state, and the time that it has used.
        now = " ".join((fields[0], *fields[11:13]))
        quiet = quiet + 1 if now == before and fields[0] == "S" else 0
        before = now


@pytest.mark.process
def test_what_was_typed_wins_over_the_environment() -> None:
    """Before or behind the command's name, for commands of either name."""
    environment = ENVIRONMENT | {
        "PYLOAD_ADSC_AUTH": "moon",
        "PYLOAD_AUTH": "sun",
        "PYLOAD_METADATA": "A=b c",
    }
    for arguments, problem in (
        (["-a", "stars", "adsc"], "stars"),
        (["adsc", "-a=stars"], "stars"),
        (["adsc"], "moon"),
        (["latency"], "sun"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "pyload", *arguments],
            capture_output=True,
            text=True,
            timeout=18,
            env=environment,
            check=False,
        )
        assert (done.returncode, problem in done.stderr) == (2, True), done.stderr
