"""Kubeconfig files, good and bad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import UsageError
from pyload.kube import kubeconfig
from tests.kube.kubeconfigs import SERVER, a_config, of, refused, write

if TYPE_CHECKING:
    from pathlib import Path


def test_the_current_context_is_chosen(tmp_path: Path) -> None:
    """The load would go to another cluster."""
    selected = kubeconfig.load([write(tmp_path / "k", a_config())])

    assert selected.cluster == {"server": SERVER}
    assert selected.user == {"token": "t"}


def test_several_files_are_one_and_the_first_wins(tmp_path: Path) -> None:
    """Kubectl and pyload would act on different clusters for the same KUBECONFIG."""
    (tmp_path / "sub").mkdir()
    empty = tmp_path / "empty"
    empty.write_text("")
    contexts = a_config(clusters=None, users=None)
    rest = a_config(
        **{"current-context": "elsewhere"},
        users=[{"name": "u", "user": {"client-key": "key", "tokenFile": "/abs"}}],
    )
    shadowed = a_config(clusters=[{"name": "c", "cluster": {"server": "http://other"}}])

    selected = kubeconfig.load(
        [
            empty,
            write(tmp_path / "one", contexts),
            write(tmp_path / "sub" / "two", rest),
            write(tmp_path / "three", shadowed),
        ]
    )

    assert selected.cluster == {"server": SERVER}
    assert selected.user == {"client-key": str(tmp_path / "sub" / "key"), "tokenFile": "/abs"}


def test_files_beside_the_kubeconfig_are_found_from_anywhere(tmp_path: Path) -> None:
    """Minikube's relative names would only work in one folder."""
    cluster = {"server": "https://10.0.0.1:6443/", "certificate-authority": "ca.crt"}
    user = {"exec": {"command": "./plugin", "apiVersion": "v1"}}
    document = a_config(
        clusters=[{"name": "c", "cluster": cluster}], users=[{"name": "u", "user": user}]
    )

    selected = kubeconfig.load([write(tmp_path / "k", document)])

    assert selected.cluster["certificate-authority"] == str(tmp_path / "ca.crt")
    assert selected.cluster["server"] == "https://10.0.0.1:6443"
    assert selected.user["exec"]["command"] == str(tmp_path / "plugin")


def test_a_server_without_scheme_is_http_as_for_kubectl(tmp_path: Path) -> None:
    """A kubeconfig that works with kubectl would not work here."""
    selected = kubeconfig.load([write(tmp_path / "k", of({"server": "localhost:8080"}))])

    assert selected.cluster["server"] == "http://localhost:8080"


@pytest.mark.parametrize(
    ("cluster", "user", "field"),
    [
        ({"certificate-authority-data": "AAAA"}, {}, "certificate-authority-data"),
        ({"insecure-skip-tls-verify": True}, {}, "insecure-skip-tls-verify"),
        ({}, {"client-key-data": "AAAA"}, "client-key-data"),
    ],
)
def test_a_server_without_scheme_cannot_have_certificates(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], field: str
) -> None:
    """Kubectl takes it for http, and shows its user no more than a broken connection."""
    said = refused(tmp_path, of({"server": "h:1", **cluster}, user))

    assert f"has no scheme, which means http to kubectl, and contradicts {field}" in said


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ("https://jo:hunter2@h:1", "has a user or password in its URL"),
        ("https://h:1?token=hunter2", "has a query or fragment"),
        ("https://h:1/#hunter2", "has a query or fragment"),
        ("https://jo:hunter2@h:x", "is not a URL: https://h:x"),
    ],
)
def test_what_else_a_servers_url_may_hold_is_refused_and_not_shown(
    tmp_path: Path, server: str, problem: str
) -> None:
    """The first line of each log names the server, and so would name a password in it."""
    said = refused(tmp_path, of({"server": server}))

    assert problem in said
    assert "hunter2" not in said


def test_credentials_do_not_go_unencrypted_over_the_network(tmp_path: Path) -> None:
    """Kubectl shows a cleartext server nothing, and anyone could read it on the way."""
    user = {"token": "hunter2", "as": "jo", "as-groups": ["ops"]}

    far = kubeconfig.load([write(tmp_path / "far", of({"server": "http://10.0.0.1"}, user))])
    near = kubeconfig.load([write(tmp_path / "near", of({"server": "http://[::1]:1"}, user))])

    assert far.user == {"as": "jo", "as-groups": ["ops"]}
    (warning,) = far.warnings
    assert warning.endswith("token not used, as by kubectl: http://10.0.0.1 is not encrypted")
    assert near.user == user
    assert not near.warnings


def test_a_token_file_wins_over_a_token_unless_it_is_missing(tmp_path: Path) -> None:
    """The token beside it is of the day on which the kubeconfig was written."""
    path = write(tmp_path / "k", of(user={"token": "stale", "tokenFile": "token"}))

    assert kubeconfig.load([path]).user["token"] == "stale"
    (tmp_path / "token").write_text("fresh")
    assert kubeconfig.load([path]).user == {"tokenFile": str(tmp_path / "token")}


def test_a_key_without_a_certificate_is_named(tmp_path: Path) -> None:
    """It would be ignored in silence."""
    path = write(tmp_path / "k", of(user={"token": "t", "client-key": "f"}))

    assert kubeconfig.load([path]).warnings == [
        f"kubeconfig {path}: client-key has no client-certificate, and no effect"
    ]


def test_the_first_context_that_is_named_counts_even_if_it_is_missing(tmp_path: Path) -> None:
    """Kubectl would refuse where pyload changes a cluster of another file."""
    first = write(tmp_path / "first", {"current-context": "gone"})

    with pytest.raises(UsageError, match='has no context "gone"'):
        kubeconfig.load([first, write(tmp_path / "second", a_config())])


def _without(key: str) -> dict[str, Any]:
    document = a_config()
    del document[key]
    return document


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "has no current-context"),
        (_without("current-context"), "has no current-context"),
        (a_config(**{"current-context": 7}), "current-context is a number, not text"),
        (a_config(**{"current-context": "gone"}), 'has no context "gone"'),
        (_without("contexts"), 'has no context "here"'),
        (a_config(contexts=[{"name": "here"}]), 'has no cluster ""'),
        (_without("clusters"), 'has no cluster "c"'),
        (_without("users"), 'has no user "u"'),
        (a_config(users={"u": {}}), "users is not a list"),
        (a_config(clusters=[7]), "clusters is not a list of mappings"),
        (a_config(clusters=[{"name": "c", "cluster": "x"}]), "cluster in clusters is text, not a"),
        (a_config(clusters=[{"name": "c"}]), 'cluster "c" of kubeconfig .* has no server'),
        (a_config(clusters=[{"name": "c", "cluster": {"server": "ftp://h"}}]), "is not a URL: ftp"),
        (a_config(clusters=[{"name": "c", "cluster": {"server": "https://h:x"}}]), "is not a URL"),
        (["a", "list"], "is YAML, but not a kubeconfig"),
        ("text", "is YAML, but not a kubeconfig"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_named_with_its_fault(
    tmp_path: Path, document: object, said: str
) -> None:
    """The Go tool crashes on these with a nil dereference."""
    path = write(tmp_path / "kube.yaml", document)

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


def test_a_context_can_be_chosen_by_its_name(tmp_path: Path) -> None:
    """A load test would run in the cluster that kubectl was last used with (A4)."""
    contexts = [
        {"name": "here", "context": {"cluster": "c", "user": "u"}},
        {"name": "there", "context": {"cluster": "d"}},
    ]
    clusters = [{"name": name, "cluster": {"server": f"http://{name}:1"}} for name in "cd"]
    path = write(tmp_path / "k", a_config(contexts=contexts, clusters=clusters))

    chosen = kubeconfig.load([path], "there")
    assert (chosen.context, chosen.account) == ("there", "")
    assert chosen.cluster["server"] == "http://d:1"
    assert kubeconfig.load([path]).context == "here"
    problem = 'no context "ther"; use one of here, there'  # codespell:ignore ther
    with pytest.raises(UsageError, match=problem):
        kubeconfig.load([path], "ther")  # codespell:ignore ther
