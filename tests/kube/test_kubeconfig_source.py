"""What a user and cluster show: which of several settings counts, and when it is read again."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import UsageError
from pyload.kube.kubeconfig import Selected
from pyload.kube.kubeconfig_source import KubeconfigSource
from tests.kube.plugins import a_plugin, section

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.kube.proof import Material

pytestmark = pytest.mark.anyio


def source(user: dict[str, Any], server: str = "https://a", **cluster: Any) -> KubeconfigSource:
    """Return the source of a user and cluster."""
    selected = Selected("k", "c", "u", {"server": server, **cluster}, user)
    return KubeconfigSource(selected, environ={}, terminal=False)


async def read(user: dict[str, Any], server: str = "https://a", **cluster: Any) -> Material:
    """Read such a source once."""
    return await source(user, server, **cluster).read(refused=False)


def encoded(text: str) -> str:
    """Return a text as it stands in the fields whose names end with data."""
    return base64.b64encode(text.encode()).decode()


async def test_data_goes_before_files_except_for_tokens(tmp_path: Path) -> None:
    """Another credential than kubectl's would be shown."""
    for name in ("token", "ca", "cert", "key"):
        (tmp_path / name).write_text(f"file-{name}")
    user = {
        "token": "stale",
        "tokenFile": str(tmp_path / "token"),
        "client-certificate": str(tmp_path / "cert"),
        "client-certificate-data": encoded("data-cert"),
        "client-key": str(tmp_path / "key"),
        "client-key-data": encoded("data-key"),
    }
    found = await read(
        user,
        **{
            "certificate-authority": str(tmp_path / "ca"),
            "certificate-authority-data": encoded("data-ca"),
        },
    )

    assert found.authorization == "Bearer file-token"
    assert found.trust is not None
    assert found.trust.key_pair is not None
    assert (found.trust.roots, found.trust.key_pair.chain) == (b"data-ca", b"data-cert")
    assert found.trust.key_pair.key == b"data-key"


async def test_files_are_read_again_and_outlive_their_sweeping(tmp_path: Path) -> None:
    """A rotated certificate would never be shown; a swept folder would end the run."""
    path = tmp_path / "token"
    path.write_text("first")
    one = source({"tokenFile": str(path)})

    first = await one.read(refused=False)
    path.write_text("second")
    second = await one.read(refused=False)
    path.unlink()
    still = await one.read(refused=False)

    assert [item.authorization for item in (first, second, still)] == [
        *("Bearer first", "Bearer second", "Bearer second")
    ]
    assert first.good_for == 50.0


async def test_what_stands_in_the_kubeconfig_is_good_for_ever() -> None:
    """It would be read each minute for nothing."""
    assert (await read({"token": "t"})).good_for is None


async def test_a_missing_file_is_named() -> None:
    """The user would not know which of four."""
    with pytest.raises(UsageError, match=r"/gone: No such file"):
        await read({"client-certificate": "/gone"})
    with pytest.raises(UsageError, match="client-key-data is not base64"):
        await read({"client-key-data": "?"})


async def test_a_server_without_tls_gets_no_context() -> None:
    """A certificate that cannot be read would end a run that does not need it."""
    assert (await read({"token": "t"}, server="http://a")).trust is None


@pytest.mark.process
@pytest.mark.socket
async def test_a_certificate_of_a_plugin_is_shown(tmp_path: Path) -> None:
    """Plug-ins of some vendors give nothing else."""
    code = "answer(token='t', clientCertificateData='c', clientKeyData='k')"
    user = {"exec": section(a_plugin(tmp_path, code))}
    with pytest.raises(UsageError, match="the plug-in's certificate is not PEM"):
        await read(user)


@pytest.mark.process
@pytest.mark.socket
async def test_a_token_goes_before_a_plugin(tmp_path: Path) -> None:
    """Kubectl does not run the plug-in then, which may open a browser."""
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w').close(); answer(token='plugin')"
    user = {"token": "own", "exec": section(a_plugin(tmp_path, code))}

    assert (await read(user)).authorization == "Bearer own"
    assert not ran.exists()
