"""The fields of a kubeconfig, and what a value may be; what kubectl does was asked of kubectl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.kube import kubeconfig
from tests.kube.kubeconfigs import of, refused, write

if TYPE_CHECKING:
    from pathlib import Path


def test_fields_that_nobody_knows_are_named(tmp_path: Path) -> None:
    """With `tokn` for `token`, pyload would be anonymous without a word."""
    document = of({"servr": "x", "extensions": [{"name": "a", "extension": {"b": 1}}]})
    document["users"][0]["user"] = {"Token": "hunter2", "exec": {"command": "x", "arg": []}}
    document["users"][0]["note"] = "x"
    document |= {"preferences": {"colors": True}, "extensions": [], "hello": 1}
    path = write(tmp_path / "k", document)

    warnings = kubeconfig.load([path]).warnings

    assert list(warnings) == [
        f"kubeconfig {path}: {field} is not known to kubectl either, and has no effect"
        for field in [
            "hello",
            'servr of cluster "c"',
            "note in users",
            'Token of user "u"',
            'arg in exec of user "u"',
        ]
    ]


@pytest.mark.parametrize(
    ("cluster", "user", "problem"),
    [
        ({"server": 7}, {}, 'server of cluster "c" is a number, not text'),
        ({"insecure-skip-tls-verify": "true"}, {}, "is text, not true or false"),
        ({"disable-compression": "no"}, {}, "is text, not true or false"),
        ({"certificate-authority-data": "hunter2?"}, {}, "is not base64"),
        ({"extensions": 7}, {}, "extensions of cluster"),
        ({}, {"token": 7}, 'token of user "u" is a number, not text'),
        ({}, {"password": ["hunter2"]}, "is a list, not text"),
        ({}, {"as": True}, 'as of user "u" is a truth value, not text'),
        ({}, {"as-groups": "hunter2"}, "is not a list of texts"),
        ({}, {"as-user-extra": {"scope": "hunter2"}}, "is not a mapping from texts to lists"),
        ({}, {"exec": {"args": "hunter2"}}, 'args in exec of user "u" is not a list of texts'),
        ({}, {"auth-provider": {"config": {"a": 1}}}, "is not a mapping from texts to texts"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_and_not_shown(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], problem: str
) -> None:
    """`as-groups: ops` would be three groups of one letter each."""
    said = refused(tmp_path, of(cluster, user))

    assert problem in said
    assert "hunter2" not in said


def test_null_is_as_good_as_absent(tmp_path: Path) -> None:
    """Tools write each field that they know."""
    document = of({"proxy-url": None, "extensions": None}, {"token": None, "exec": None})

    assert not kubeconfig.load([write(tmp_path / "k", document)]).warnings


def test_a_fault_in_another_section_is_a_fault(tmp_path: Path) -> None:
    """Kubectl refuses the file whole, so that one finds out before switching to that context."""
    document = of()
    document["users"].append({"name": "other", "user": {"token": 7}})

    assert 'token of user "other" is a number' in refused(tmp_path, document)


@pytest.mark.parametrize("plural", ["clusters", "users", "contexts"])
def test_two_sections_of_one_name_are_refused(tmp_path: Path, plural: str) -> None:
    """Which one is meant would be a matter of luck."""
    document = of()
    document[plural] *= 2

    assert f"has two {plural} with the name" in refused(tmp_path, document)


@pytest.mark.parametrize("change", [{"apiVersion": "v2"}, {"kind": "Pod"}])
def test_another_kind_of_document_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    """A manifest given by mistake would be said to have no context."""
    assert "is no kubeconfig" in refused(tmp_path, {**of(), **change})


@pytest.mark.parametrize(
    ("cluster", "user", "problem"),
    [
        (
            {"certificate-authority": "f", "certificate-authority-data": "AAAA"},
            {},
            "certificate-authority and certificate-authority-data are both set",
        ),
        (
            {"certificate-authority": "f", "insecure-skip-tls-verify": True},
            {},
            "insecure-skip-tls-verify contradicts the certificate-authority",
        ),
        ({}, {"client-certificate": "f"}, "client-certificate has no client-key"),
        (
            {},
            {"client-certificate": "f", "client-certificate-data": "AAAA"},
            "client-certificate and client-certificate-data are both set",
        ),
        (
            {},
            {"client-certificate": "f", "client-key": "f", "client-key-data": "AAAA"},
            "client-key and client-key-data are both set",
        ),
        ({}, {"token": "hunter2", "username": "jo"}, "a token contradicts the username"),
        ({}, {"tokenFile": "f", "password": "hunter2"}, "a token contradicts the username"),
        ({}, {"auth-provider": {"name": "oidc"}, "exec": {"command": "x"}}, "contradicts the exec"),
        ({}, {"as-groups": ["ops"]}, "as-groups has no user to impersonate"),
        ({}, {"as-uid": "7"}, "as-uid has no user to impersonate"),
        ({}, {"as-user-extra": {"a": ["b"]}}, "as-user-extra has no user to impersonate"),
        ({}, {"auth-provider": {"name": "gcp"}}, 'no auth-provider "gcp": use exec with gke-gcl'),
        ({}, {"auth-provider": {"name": "ldap"}}, 'there is no auth-provider "ldap"'),
        ({"proxy-url": "ftp://jo:hunter2@p"}, {}, "a proxy of the kind ftp://, which is not"),
        ({"proxy-url": "socks5h://jo:hunter2@p"}, {}, "kind socks5h://, which is not supported"),
        ({"proxy-url": "jo:hunter2@p:1"}, {}, 'proxy-url of context "here" in kubeconfig'),
    ],
)
def test_fields_that_contradict_each_other_are_refused_as_by_kubectl(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], problem: str
) -> None:
    """Pyload would act with another account, or trust more, than kubectl does."""
    said = refused(tmp_path, of(cluster, user))

    assert problem in said
    assert "hunter2" not in said
