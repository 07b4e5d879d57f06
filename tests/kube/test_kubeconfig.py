"""Kubeconfig files, good and bad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import UsageError
from pyload.kube import kubeconfig
from tests.kube.kubeconfigs import SERVER, a_config, write

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
    document = a_config(
        clusters=[{"name": "c", "cluster": cluster}], users=[{"name": "u", "user": user}]
    )

    assert kubeconfig.load([write(tmp_path / "k", document)]).cluster["server"] == server


def _without(key: str) -> dict[str, Any]:
    document = a_config()
    del document[key]
    return document


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "has no current-context"),
        (_without("current-context"), "has no current-context"),
        (a_config(**{"current-context": 7}), "has no current-context"),
        (a_config(**{"current-context": "gone"}), 'has no context "gone"'),
        (_without("contexts"), 'has no context "here"'),
        (a_config(contexts=[{"name": "here"}]), 'has no cluster ""'),
        (_without("clusters"), 'has no cluster "c"'),
        (_without("users"), 'has no user "u"'),
        (a_config(users={"u": {}}), "users is not a list"),
        (a_config(clusters=[7, {"name": "c", "cluster": "x"}]), 'cluster "c" is not a mapping'),
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
