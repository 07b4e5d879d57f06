"""Where the credentials come from: a kubeconfig, a plugin, or the pod that pyload runs in."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import ClusterUnreachable, UsageError
from pyload.kube import credentials
from pyload.kube.proof import Material
from tests.kube.kubeconfigs import SERVER, a_config, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pyload.kube.http import HttpTransport
    from pyload.kube.proof import Proof


async def proof(transport: HttpTransport) -> Proof:
    """Return what the next request would show."""
    assert transport._credentials is not None
    return await transport._credentials.current()


async def shown(transport: HttpTransport) -> list[tuple[str, str]]:
    """Return the headers that the next request would show."""
    return list((await proof(transport)).headers)


@pytest.mark.socket
@pytest.mark.anyio
async def test_a_kubeconfig_leads_to_its_server_with_its_token(tmp_path: Path) -> None:
    """Requests would be refused as anonymous, or go astray."""
    path = write(tmp_path / "k", a_config())

    for given, environ in [
        (str(path), {"KUBECONFIG": "/nowhere", "HOME": "/nowhere"}),
        (None, {"KUBECONFIG": f"/nowhere:{path}"}),
    ]:
        transport = await credentials.connect(given, environ=environ)
        assert transport.address == SERVER
        assert await shown(transport) == [("Authorization", "Bearer t")]
        await transport.aclose()


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"username": "jo"}, "Basic am86"),
        ({"password": "x"}, "Basic Ong="),
        ({"username": "jo", "password": "x"}, "Basic am86eA=="),
    ],
)
@pytest.mark.anyio
async def test_a_user_name_alone_is_enough(
    tmp_path: Path, user: dict[str, str], header: str
) -> None:
    """Requests would be anonymous where kubectl logs in."""
    path = write(tmp_path / "k", a_config(users=[{"name": "u", "user": user}]))

    transport = await credentials.connect(str(path), environ={})

    assert await shown(transport) == [("Authorization", header)]


@pytest.mark.anyio
async def test_the_home_directory_is_the_last_resort(tmp_path: Path) -> None:
    """A plain `pyload cluster` would not find the user's cluster."""
    (tmp_path / ".kube").mkdir()
    anonymous = a_config(contexts=[{"name": "here", "context": {"cluster": "c"}}], users=None)
    write(tmp_path / ".kube" / "config", anonymous)

    transport = await credentials.connect(None, environ={"HOME": str(tmp_path)})

    assert await shown(transport) == []


@pytest.mark.anyio
async def test_without_kubeconfig_and_outside_a_cluster_the_ways_out_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A user would not know where it was looked; commands add --embedded, where they have it."""
    caplog.set_level(logging.INFO, logger="pyload.kube")

    with pytest.raises(ClusterUnreachable, match=r"no kubeconfig at .*\.kube/config") as caught:
        await credentials.connect(None, environ={"HOME": str(tmp_path)})

    assert caught.value.exit_code == 3
    assert "--kubeconfig" in caught.value.fix
    assert "--embedded" not in caught.value.fix
    assert [record.message for record in caplog.records] == ["using in cluster kubeconfig"]


@pytest.mark.anyio
async def test_a_kubeconfig_that_is_named_must_exist(tmp_path: Path) -> None:
    """A typo would silently load another cluster."""
    with pytest.raises(UsageError, match="gone does not exist"):
        await credentials.connect(str(tmp_path / "gone"), environ={})


@pytest.mark.anyio
async def test_a_pod_uses_its_service_account_and_follows_its_token(
    tmp_path: Path,
) -> None:
    """A Job that runs for hours would be refused once its first token has expired."""
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("first\n")
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}

    with pytest.raises(ClusterUnreachable, match=r"ca\.crt: No such file or directory"):
        await credentials.connect(None, environ=environ, service_account=account)
    (account / "ca.crt").write_text("junk")
    with pytest.raises(UsageError, match="account: the cluster's CA certificates are not PEM"):
        await credentials.connect(None, environ=environ, service_account=account)
    (account / "ca.crt").write_bytes(_authority())
    transport = await credentials.connect(None, environ=environ, service_account=account)

    assert transport.address == "https://[fd00::1]:443"
    assert await shown(transport) == [("Authorization", "Bearer first")]


def _authority() -> bytes:
    import trustme  # noqa: PLC0415 - slow to import

    return trustme.CA().cert_pem.bytes()


@pytest.mark.anyio
async def test_certificates_in_a_kubeconfig_are_used(tmp_path: Path) -> None:
    """Kind's kubeconfig holds nothing else."""
    import trustme  # noqa: PLC0415 - slow to import

    authority = trustme.CA()
    client = authority.issue_cert("admin")

    def encoded(data: bytes) -> str:
        return base64.b64encode(data).decode()

    cluster = {
        "server": "https://10.0.0.1:6443",
        "certificate-authority-data": encoded(authority.cert_pem.bytes()),
        "tls-server-name": "kubernetes",
        "proxy-url": "http://127.0.0.1:3128",
    }
    user = {
        "client-certificate-data": encoded(client.cert_chain_pems[0].bytes()),
        "client-key-data": encoded(client.private_key_pem.bytes()),
    }
    document = a_config(
        clusters=[{"name": "c", "cluster": cluster}], users=[{"name": "u", "user": user}]
    )

    transport = await credentials.connect(str(write(tmp_path / "k", document)), environ={})

    assert transport._server_hostname == "kubernetes"
    assert str(transport._proxy) == "127.0.0.1:3128"
    context: Any = (await proof(transport)).context
    assert [dict(sum(one["subject"], ())) for one in context.get_ca_certs()]

    user["client-key-data"] = "?"
    broken = write(tmp_path / "broken", document)
    with pytest.raises(UsageError, match=f"kubeconfig {broken}"):
        await credentials.connect(str(broken), environ={})


@pytest.mark.process
@pytest.mark.anyio
async def test_a_plugin_gives_the_token_and_its_failure_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Clusters of the big clouds have no other credentials."""
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-plugin"},
    }
    plugin = tmp_path / "plugin"
    plugin.write_text(
        f"#!{sys.executable}\n"
        "import os, sys\n"
        "if os.environ.get('FAIL'): sys.exit('log in first')\n"
        f"print('''{json.dumps(answer)}''')\n"
    )
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)

    def config(env: Mapping[str, str]) -> str:
        listed = [{"name": name, "value": value} for name, value in env.items()]
        call = {
            "command": "./plugin",
            "apiVersion": answer["apiVersion"],
            "env": listed,
            "interactiveMode": "Never",
        }
        user = {"name": "u", "user": {"exec": call}}
        return str(write(tmp_path / "k", a_config(users=[user])))

    transport = await credentials.connect(config({"A": "b"}), environ=os.environ)
    assert await shown(transport) == [("Authorization", "Bearer from-plugin")]

    with pytest.raises(UsageError, match="exit code 1: log in first; check that kubectl"):
        await credentials.connect(config({"FAIL": "1"}), environ=os.environ)
    assert capfd.readouterr().err == "log in first\n"
    plugin.unlink()
    with pytest.raises(UsageError, match="plugin is not installed; install it"):
        await credentials.connect(config({}), environ=os.environ)


@pytest.mark.anyio
async def test_a_worn_token_file_is_read_again_and_missed_only_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Rotated credentials would end a run that goes on for days."""
    (tmp_path / "token").write_text("first")
    user = {"name": "u", "user": {"tokenFile": "token"}}
    path = write(tmp_path / "k", a_config(users=[user]))
    transport = await credentials.connect(str(path), environ={})
    keeper: Any = transport._credentials
    assert await shown(transport) == [("Authorization", "Bearer first")]

    (tmp_path / "token").write_text("second")
    assert await shown(transport) == [("Authorization", "Bearer first")]
    keeper._due = 0.0
    assert await shown(transport) == [("Authorization", "Bearer second")]
    (tmp_path / "token").unlink()
    keeper._due = 0.0
    assert await shown(transport) == [("Authorization", "Bearer second")]
    assert "token cannot be read any more: No such file" in caplog.text


class Rotating:
    """A source with another token at each reading.

    Attributes:
        readings: How often it was read, and whether because of a refusal.
    """

    def __init__(self, good_for: float | None = None) -> None:
        self.readings: list[bool] = []
        self._good_for = good_for

    async def read(self, *, refused: bool) -> Material:
        """Return the next token."""
        self.readings.append(refused)
        await asyncio.sleep(0)
        return Material(f"Bearer {len(self.readings)}", good_for=self._good_for)


@pytest.mark.virtual
@pytest.mark.anyio
async def test_many_refused_requests_renew_once() -> None:
    """A plug-in would be run a hundred times, each with a login at a browser."""
    source = Rotating()
    keeper = credentials.RenewedCredentials(source)
    await keeper.load()
    refused = await keeper.current()

    renewed = await asyncio.gather(*(keeper.renew(refused) for _ in range(100)))

    assert all(renewed)
    assert source.readings == [False, True]
    assert (await keeper.current()).headers == (("Authorization", "Bearer 2"),)


@pytest.mark.virtual
@pytest.mark.anyio
async def test_what_is_refused_twice_is_not_renewed_at_each_request() -> None:
    """An account without access would run its plug-in for every request of a run."""
    source = Rotating()
    keeper = credentials.RenewedCredentials(source)
    await keeper.load()
    assert await keeper.renew(await keeper.current())
    again = await keeper.current()
    keeper.on_refused_again(again)

    assert [await keeper.renew(again) for _ in range(9)] == [False] * 9
    await asyncio.sleep(11)
    assert await keeper.renew(again)
    assert source.readings == [False, True, True]


@pytest.mark.virtual
@pytest.mark.anyio
async def test_what_cannot_be_renewed_serves_on(caplog: pytest.LogCaptureFixture) -> None:
    """A token service that is away for a minute would end a run whose token is still good."""
    source = Rotating(good_for=60.0)
    keeper = credentials.RenewedCredentials(source)
    await keeper.load()
    first = await keeper.current()

    async def fail(*, refused: bool) -> Material:
        raise UsageError("no session")

    source.read = fail  # type: ignore[method-assign]
    await asyncio.sleep(61)

    assert await keeper.current() is first
    assert "cannot renew the cluster credentials: no session" in caplog.text
