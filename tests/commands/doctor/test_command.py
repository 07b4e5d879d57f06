"""A whole examination, on servers in memory and on none."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pyload.cli.program import program
from pyload.commands.doctor import ask_api_server
from pyload.commands.doctor.api_server import ApiServerFacts
from pyload.commands.doctor.command import DoctorOptions, Examination, run_doctor
from pyload.commands.doctor.findings import Level, exit_code, to_text
from pyload.commands.doctor.machine import machine_findings
from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.embedded.stack import run_stack
from pyload.errors import UsageError
from pyload.harness.capacity import Machine, Requirements
from pyload.harness.connection import Connection
from pyload.harness.servers import Servers
from pyload.kube.client import Client
from pyload.tasks import Supervisor
from tests.commands.doctor.denying import Denying
from tests.commands.kubeconfigs import kubeconfig
from tests.kube import plugins
from tests.kube.kubeconfigs import a_config, write
from tests.proxies.resolvers import resolver_of

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.commands.doctor.findings import Finding, Section

in_memory = pytest.mark.virtual


def levels(sections: tuple[Section, ...]) -> dict[str, Level]:
    """Return the level of each check; the worst comes last."""
    ranks = list(Level)
    found: dict[str, Level] = {}
    for one in (one for section in sections for one in section.findings):
        found[one.check] = max(found.get(one.check, Level.OK), one.level, key=ranks.index)
    return found


async def examined(*denied: tuple[str, str], **options: Any) -> tuple[Section, ...]:
    """Examine servers in memory, of which the first denies some rights."""
    server = ApiServer()
    plane = ControlPlane(Client(server.transport()))
    client = Client(Denying(server.transport(), *denied))
    servers = Servers(client, "memory:15010", resolver_of(plane.transport()))
    async with Supervisor() as background:
        background.spawn(plane.run(), name="control-plane")
        examination = Examination(DoctorOptions(**options), "plaintext")
        return await examination.run(ApiServerFacts(target="memory"), client, servers)


@pytest.mark.anyio
@in_memory
async def test_all_is_well() -> None:
    """Nothing is wrong with servers that are ours."""
    sections = await examined()

    assert [one.title for one in sections] == [
        "API server",
        "Permissions for cluster",
        "Cluster",
        "Control plane memory:15010",
        "This machine",
    ]
    assert set(levels(sections).values()) == {Level.OK}, to_text(sections)
    assert exit_code(sections) == 0


@pytest.mark.anyio
@in_memory
async def test_rights_that_are_missing_are_the_problem() -> None:
    """The run would fail after a minute, at its first pod."""
    sections = await examined(("patch", "pods"), ("create", "leases"), ("list", "nodes"))
    found = levels(sections)

    assert found["permissions"] is Level.PROBLEM
    assert found["node versions"] is Level.UNKNOWN
    assert found["control plane"] is Level.OK
    assert exit_code(sections) == 1
    assert "pyload:embedded may not" in to_text(sections)
    assert max(map(len, to_text(sections).splitlines())) <= 80


@pytest.mark.anyio
@in_memory
async def test_kwok_without_kwok() -> None:
    """The rights are others, and nodes of kwok's have to be there."""
    sections = await examined(command="cluster --cluster-type kwok")

    assert levels(sections)["kwok nodes"] is Level.WARNING


@pytest.mark.anyio
@pytest.mark.socket
@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ("plaintext", "cannot reach the control plane at 127.0.0.1:1: connection refused"),
        ("jwt", "--auth jwt needs a token of the API server"),
    ],
)
async def test_dead_servers_are_two_findings(auth: str, says: str, tmp_path: Path) -> None:
    """One that does not answer must not hide the other, nor the machine."""
    connection = Connection(
        kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:1"),
        pilot_address="127.0.0.1:1",
        auth=auth,
    )
    sections = await run_doctor(DoctorOptions(connection=connection))
    found = levels(sections)

    assert found["kubeconfig"] is Level.OK
    assert found["API server"] is Level.PROBLEM
    assert "machine" in found
    assert says in " ".join(to_text(sections).split())
    assert exit_code(sections) == 3


@pytest.mark.grpc
async def test_each_port_wants_its_authentication(tmp_path: Path) -> None:
    """A port with TLS that is spoken to without shows a broken connection, and nothing of TLS."""
    async with Supervisor() as background, run_stack(background, tls=True) as stack:
        (tmp_path / "ca.pem").write_bytes(stack.root)

        async def control_plane(address: str, auth: str, **flags: Any) -> list[Finding]:
            connection = Connection(
                kubeconfig=kubeconfig(tmp_path, stack.api),
                pilot_address=address,
                auth=auth,
                **flags,
            )
            sections = await run_doctor(DoctorOptions(connection=connection))
            return [*sections[3].findings]

        plain = await control_plane(stack.plaintext, "plaintext")
        token = await control_plane(stack.tls, "jwt", ca_file=str(tmp_path / "ca.pem"))
        unverified = await control_plane(stack.tls, "jwt", insecure=True)
        missed = await control_plane(stack.tls, "plaintext")
        wrong = await control_plane(stack.plaintext, "jwt", insecure=True)

    assert (plain[0].level, token[0].level) == (Level.OK, Level.OK)
    assert "serves a sidecar with --auth jwt" in token[0].what
    assert not [one for one in token if "not verified" in one.what]
    assert [one.level for one in unverified if "not verified" in one.what] == [Level.WARNING]
    assert (missed[0].level, missed[0].exit_code) == (Level.PROBLEM, 3)
    assert "the port speaks TLS" in missed[0].fix
    assert "does not speak TLS" in wrong[0].what
    assert "15012" in wrong[0].fix


@pytest.mark.anyio
@pytest.mark.socket
async def test_a_kubeconfig_that_is_none(tmp_path: Path) -> None:
    """A run would end with 2, and so does its doctor."""
    (tmp_path / "k").write_text("no: kubeconfig\n")
    connection = Connection(kubeconfig=str(tmp_path / "k"), pilot_address="127.0.0.1:1")
    sections = await run_doctor(DoctorOptions(connection=connection))

    assert sections[0].findings[0].check == "kubeconfig"
    assert exit_code(sections) == 2


@pytest.mark.anyio
@pytest.mark.process
@pytest.mark.socket
async def test_a_login_may_take_longer_than_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has to enter a code at a page would be cut off while he types."""
    monkeypatch.setattr(ask_api_server, "SECONDS", 1.0)
    plugin = plugins.a_plugin(tmp_path, "import time; time.sleep(1.5); answer(token='t')")
    async with ApiServer().serve() as url:
        user = {"name": "u", "user": {"exec": plugins.section(plugin)}}
        document = a_config(users=[user])
        document["clusters"] = [{"name": "c", "cluster": {"server": url}}]
        path = write(tmp_path / "k", document)
        connection = Connection(kubeconfig=str(path), pilot_address="127.0.0.1:1")
        sections = await run_doctor(DoctorOptions(connection=connection))

    assert levels(sections)["API server"] is Level.OK


def machine(*, asked: bool = True, **limits: Any) -> Finding:
    """Return the first finding about a machine that is big but for some limits."""
    base: dict[str, Any] = {
        "files": 1024,
        "files_max": 1 << 20,
        "files_open": 20,
        "ports": 28_000,
        "memory": 16 << 30,
        "spread": False,
    }
    requirements = Requirements(proxies={"a:15010": 10_000}, bytes_each=25 << 10)
    return next(machine_findings(requirements, Machine(**(base | limits)), asked=asked))


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"files_max": 4096}, "a process may open 4096 files"),
        ({"ports": 5000}, "5000 ephemeral ports"),
        ({"memory": 100 << 20}, "need about"),
    ],
)
def test_a_machine_that_is_too_small(limits: dict[str, Any], says: str) -> None:
    """A number that the user names has to fit; one that nobody has named is a warning."""
    assert (machine(**limits).level, machine(**limits, asked=False).level) == (
        Level.PROBLEM,
        Level.WARNING,
    )
    assert says in machine(**limits).what
    assert machine(**limits).fix


def test_a_machine_that_is_big_enough() -> None:
    """What is planned for is shown, so that it can be doubted."""
    assert machine().level is Level.OK
    assert "10,000 proxies fit: 10,276 open files" in machine().what
    assert "of 16.0 GiB memory" in machine().what
    assert "GiB memory" not in machine(memory=None).what


@pytest.mark.parametrize(
    ("values", "problem"),
    [({"command": "diff"}, "nothing to check for diff"), ({"proxies": 0}, "--proxies 0")],
)
def test_options_that_make_no_sense(values: dict[str, Any], problem: str) -> None:
    """A doctor of nothing would say that all is well."""
    with pytest.raises(UsageError, match=problem):
        DoctorOptions(**values)


@pytest.mark.process
def test_the_built_in_servers_are_well() -> None:
    """The first thing to try; its JSON is what CI reads."""
    done = subprocess.run(
        [sys.executable, "-m", "pyload", "doctor", "--embedded", "-o", "json"],
        capture_output=True,
        text=True,
        timeout=18,
        check=False,
    )
    document = json.loads(done.stdout)

    assert (done.returncode, document["exit_code"]) == (0, 0), done.stderr
    assert (document["counts"]["problem"], document["counts"]["unknown"]) == (0, 0)
    assert not done.stderr


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--for", "diff"], "'diff' is not one of"),
        (["-o", "yaml"], "--output yaml is not supported"),
        (["--for", "adsc", "--cluster-type", "kwok"], "--cluster-type is for --for cluster"),
        (["--cluster-type", "kwock"], "kwock"),
        (["--proxies", "0"], "--proxies 0 is below 1"),
    ],
)
def test_a_wrong_flag_is_a_mistake(
    flags: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked."""
    assert program("pyload", ["doctor", *flags]) == 2
    assert problem in capsys.readouterr().err
