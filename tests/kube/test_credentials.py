"""Kubeconfig files, good and bad, and the pod that pyload may run in."""

from __future__ import annotations

import base64
import json
import logging
import os
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pyload.errors import ClusterUnreachable, UsageError
from pyload.kube import credentials, kubeconfig
from pyload.kube.http import HttpTransport

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SERVER = "http://127.0.0.1:8001"


def _config(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": SERVER}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        **changes,
    }


def _write(path: Path, document: object) -> Path:
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_current_context_is_chosen(tmp_path: Path) -> None:
    """The load would go to another cluster."""
    selected = kubeconfig.load([_write(tmp_path / "k", _config())])

    assert selected.cluster == {"server": SERVER}
    assert selected.user == {"token": "t"}


def test_several_files_are_one_and_the_first_wins(tmp_path: Path) -> None:
    """Kubectl and pyload would act on different clusters for the same KUBECONFIG."""
    (tmp_path / "sub").mkdir()
    empty = tmp_path / "empty"
    empty.write_text("")
    contexts = _config(clusters=None, users=None)
    rest = _config(
        **{"current-context": "elsewhere"},
        users=[{"name": "u", "user": {"client-key": "key", "tokenFile": "/abs"}}],
    )
    shadowed = _config(clusters=[{"name": "c", "cluster": {"server": "http://other"}}])

    selected = kubeconfig.load(
        [
            empty,
            _write(tmp_path / "one", contexts),
            _write(tmp_path / "sub" / "two", rest),
            _write(tmp_path / "three", shadowed),
        ]
    )

    assert selected.cluster == {"server": SERVER}
    assert selected.user == {"client-key": str(tmp_path / "sub" / "key"), "tokenFile": "/abs"}


def test_files_beside_the_kubeconfig_are_found_from_anywhere(tmp_path: Path) -> None:
    """Minikube's relative names would only work in one folder."""
    cluster = {"server": "https://10.0.0.1:6443/", "certificate-authority": "ca.crt"}
    user = {"exec": {"command": "./plugin", "apiVersion": "v1"}}
    document = _config(
        clusters=[{"name": "c", "cluster": cluster}], users=[{"name": "u", "user": user}]
    )

    selected = kubeconfig.load([_write(tmp_path / "k", document)])

    assert selected.cluster["certificate-authority"] == str(tmp_path / "ca.crt")
    assert selected.cluster["server"] == "https://10.0.0.1:6443"
    assert selected.user["exec"]["command"] == str(tmp_path / "plugin")


@pytest.mark.parametrize(
    ("cluster", "user", "server"),
    [
        ({"server": "localhost:8080"}, {}, "http://localhost:8080"),
        ({"server": "h:1", "certificate-authority-data": "x"}, {}, "https://h:1"),
        ({"server": "h:1", "insecure-skip-tls-verify": True}, {}, "https://h:1"),
        ({"server": "h:1"}, {"client-key-data": "x"}, "https://h:1"),
    ],
)
def test_a_server_without_scheme_means_what_kubectl_takes_it_for(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], server: str
) -> None:
    """A kubeconfig that works with kubectl would not work here."""
    document = _config(
        clusters=[{"name": "c", "cluster": cluster}], users=[{"name": "u", "user": user}]
    )

    assert kubeconfig.load([_write(tmp_path / "k", document)]).cluster["server"] == server


def _without(key: str) -> dict[str, Any]:
    document = _config()
    del document[key]
    return document


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "has no current-context"),
        (_without("current-context"), "has no current-context"),
        (_config(**{"current-context": 7}), "has no current-context"),
        (_config(**{"current-context": "gone"}), 'has no context "gone"'),
        (_without("contexts"), 'has no context "here"'),
        (_config(contexts=[{"name": "here"}]), 'has no cluster ""'),
        (_without("clusters"), 'has no cluster "c"'),
        (_without("users"), 'has no user "u"'),
        (_config(users={"u": {}}), "users is not a list"),
        (_config(clusters=[7, {"name": "c", "cluster": "x"}]), 'cluster "c" is not a mapping'),
        (_config(clusters=[{"name": "c"}]), 'cluster "c" of kubeconfig .* has no server'),
        (_config(clusters=[{"name": "c", "cluster": {"server": "ftp://h"}}]), "is not a URL: ftp"),
        (_config(clusters=[{"name": "c", "cluster": {"server": "https://h:x"}}]), "is not a URL"),
        (["a", "list"], "is YAML, but not a kubeconfig"),
        ("text", "is YAML, but not a kubeconfig"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_named_with_its_fault(
    tmp_path: Path, document: object, said: str
) -> None:
    """The Go tool crashes on these with a nil dereference."""
    path = _write(tmp_path / "kube.yaml", document)

    with pytest.raises(UsageError, match=said) as caught:
        kubeconfig.load([path])

    assert str(path) in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    "content", [b"\x00\xff\xfe\x7fELF\x00", b"a: b: c", b"{", b"\x80abc", b"x: 2026-99-99", b"\t-"]
)
def test_a_file_that_is_no_yaml_is_called_that(tmp_path: Path, content: bytes) -> None:
    """A binary given by mistake would end in a traceback."""
    path = tmp_path / "kube.yaml"
    path.write_bytes(content)

    with pytest.raises(UsageError, match=f"kubeconfig {path} is not YAML"):
        kubeconfig.load([path])


def test_a_directory_and_an_unreadable_file_are_called_that(tmp_path: Path) -> None:
    """The user would see an errno."""
    with pytest.raises(UsageError, match="is a directory"):
        kubeconfig.load([tmp_path])

    with pytest.raises(UsageError, match="No such file"):
        kubeconfig.load([tmp_path / "gone"])


@pytest.mark.socket
@pytest.mark.anyio
async def test_a_kubeconfig_leads_to_its_server_with_its_token(tmp_path: Path) -> None:
    """Requests would be refused as anonymous, or go astray."""
    path = _write(tmp_path / "k", _config())

    for given, environ in [
        (str(path), {"KUBECONFIG": "/nowhere", "HOME": "/nowhere"}),
        (None, {"KUBECONFIG": f"/nowhere:{path}"}),
    ]:
        transport = await credentials.connect(given, environ=environ)
        assert isinstance(transport, HttpTransport)
        assert transport.address == SERVER
        assert await transport._all_headers("") == {"Authorization": "Bearer t"}
        await transport.aclose()


@pytest.mark.anyio
async def test_the_home_directory_is_the_last_resort(tmp_path: Path) -> None:
    """A plain `pyload cluster` would not find the user's cluster."""
    (tmp_path / ".kube").mkdir()
    anonymous = _config(contexts=[{"name": "here", "context": {"cluster": "c"}}], users=None)
    _write(tmp_path / ".kube" / "config", anonymous)

    transport = await credentials.connect(None, environ={"HOME": str(tmp_path)})

    assert isinstance(transport, HttpTransport)
    assert await transport._all_headers("") == {}


@pytest.mark.anyio
async def test_without_kubeconfig_and_outside_a_cluster_the_ways_out_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A newcomer without a cluster would not learn of --embedded."""
    caplog.set_level(logging.INFO, logger="pyload.kube")

    with pytest.raises(ClusterUnreachable, match=r"no kubeconfig at .*\.kube/config") as caught:
        await credentials.connect(None, environ={"HOME": str(tmp_path)})

    assert caught.value.exit_code == 3
    assert "--kubeconfig" in caught.value.fix
    assert "--embedded" in caught.value.fix
    assert [record.message for record in caplog.records] == ["using in cluster kubeconfig"]


@pytest.mark.anyio
async def test_a_kubeconfig_that_is_named_must_exist(tmp_path: Path) -> None:
    """A typo would silently load another cluster."""
    with pytest.raises(UsageError, match="gone does not exist"):
        await credentials.connect(str(tmp_path / "gone"), environ={})


@pytest.mark.anyio
async def test_a_pod_uses_its_service_account_and_follows_its_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Job that runs for hours would be refused once its first token has expired."""
    monkeypatch.setattr(credentials, "_REFRESH_SECONDS", 0.0)
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("first\n")
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}

    with pytest.raises(ClusterUnreachable, match="certification file does not exist"):
        await credentials.connect(None, environ=environ, service_account=account)
    (account / "ca.crt").write_text("junk")
    with pytest.raises(UsageError, match="cannot be used"):
        await credentials.connect(None, environ=environ, service_account=account)
    (account / "ca.crt").write_bytes(_authority())
    transport = await credentials.connect(None, environ=environ, service_account=account)

    assert isinstance(transport, HttpTransport)
    assert transport.address == "https://[fd00::1]:443"
    assert await transport._all_headers("") == {"Authorization": "Bearer first"}


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
    document = _config(
        clusters=[{"name": "c", "cluster": cluster}], users=[{"name": "u", "user": user}]
    )

    transport = await credentials.connect(str(_write(tmp_path / "k", document)), environ={})

    assert isinstance(transport, HttpTransport)
    assert transport._server_hostname == "kubernetes"
    assert transport._proxy == "http://127.0.0.1:3128"
    context: Any = transport._ssl
    assert [dict(sum(one["subject"], ())) for one in context.get_ca_certs()]

    user["client-key-data"] = "?"
    broken = _write(tmp_path / "broken", document)
    with pytest.raises(UsageError, match=f"kubeconfig {broken}"):
        await credentials.connect(str(broken), environ={})


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
        call = {"command": "./plugin", "apiVersion": answer["apiVersion"], "env": listed}
        user = {"name": "u", "user": {"exec": call}}
        return str(_write(tmp_path / "k", _config(users=[user])))

    transport = await credentials.connect(config({"A": "b"}), environ=os.environ)
    assert isinstance(transport, HttpTransport)
    assert await transport._all_headers("") == {"Authorization": "Bearer from-plugin"}

    with pytest.raises(UsageError, match="log in first"):
        await credentials.connect(config({"FAIL": "1"}), environ=os.environ)
    assert capfd.readouterr().err == ""
    plugin.unlink()
    with pytest.raises(UsageError, match="plugin: No such file or directory; check that kubectl"):
        await credentials.connect(config({}), environ=os.environ)


@pytest.mark.anyio
async def test_a_worn_token_file_is_read_again_and_missed_only_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Rotated credentials would end a run that goes on for days."""
    (tmp_path / "token").write_text("first")
    user = {"name": "u", "user": {"tokenFile": "token"}}
    path = _write(tmp_path / "k", _config(users=[user]))
    transport = await credentials.connect(str(path), environ={})
    assert isinstance(transport, HttpTransport)
    headers: Any = transport._headers
    assert await headers() == {"Authorization": "Bearer first"}

    (tmp_path / "token").write_text("second")
    assert await headers() == {"Authorization": "Bearer first"}
    headers.__self__._due = 0.0
    assert await headers() == {"Authorization": "Bearer second"}
    (tmp_path / "token").unlink()
    headers.__self__._due = 0.0
    assert await headers() == {"Authorization": "Bearer second"}
    assert "cannot renew the cluster credentials" in caplog.text


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://a.io", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.io", {"https_proxy": "p:1"}, "http://p:1"),
        ("https://a.io", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://a.io", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.io", {"HTTPS_PROXY": "p", "NO_PROXY": "b.io, a.io"}, None),
        ("https://x.a.io", {"HTTPS_PROXY": "p", "NO_PROXY": ".a.io"}, None),
        ("https://xa.io", {"HTTPS_PROXY": "p", "NO_PROXY": "a.io"}, "http://p"),
        ("https://10.1.2.3", {"HTTPS_PROXY": "p", "no_proxy": "10.0.0.0/8"}, None),
        ("https://11.1.2.3", {"HTTPS_PROXY": "p", "no_proxy": "10.0.0.0/8,x"}, "http://p"),
        ("https://a.io", {"HTTPS_PROXY": "p", "NO_PROXY": "*"}, None),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "p"}, None),
        ("https://[::1]:6443", {"HTTPS_PROXY": "p"}, None),
        ("http://localhost:8001", {"HTTP_PROXY": "p"}, None),
    ],
)
def test_the_environments_proxy_is_used_as_kubectl_does(
    url: str, environ: dict[str, str], proxy: str | None
) -> None:
    """A cluster behind a proxy could not be reached, or a local one would be looked for there."""
    assert credentials._proxy(url, environ) == proxy
