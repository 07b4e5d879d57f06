"""Which API server is used, and as whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import UsageError
from pyload.kube.credentials import connect
from pyload.kube.http import HttpTransport
from pyload.kube.target import OWN_IDENTITY, Identity, description, locate, own_namespace
from tests.kube.kubeconfigs import SERVER, a_config, write

if TYPE_CHECKING:
    from pathlib import Path


def described(path: Path, identity: Identity = OWN_IDENTITY) -> str:
    """Return the line of the log about a kubeconfig."""
    return description(locate(str(path), environ={}, identity=identity), identity)


def test_the_log_names_context_server_and_user(tmp_path: Path) -> None:
    """Which cluster is being changed stood nowhere (A4)."""
    path = write(tmp_path / "k", a_config())
    line = f"context here, server {SERVER}, user u"
    assert described(path) == line
    assert described(path, Identity(user="jane")) == f"{line}, impersonating jane"
    assert described(path, Identity("here", "jane", ("a", "b"))) == (
        f"{line}, impersonating jane of a, b"
    )


def test_in_a_pod_the_log_says_so() -> None:
    """There is no context to name."""
    assert locate(None, environ={"HOME": "/nowhere"}) is None
    assert description(None) == "the API server of this pod, as its service account"


@pytest.mark.parametrize(
    ("user", "identity", "headers"),
    [
        ({}, Identity(user="jane"), [("Impersonate-User", "jane")]),
        (
            {},
            Identity(user="jane", groups=("a", "b")),
            [
                ("Impersonate-User", "jane"),
                ("Impersonate-Group", "a"),
                ("Impersonate-Group", "b"),
            ],
        ),
        (
            {"as": "joe", "as-groups": ["ops"]},
            Identity(),
            [("Impersonate-User", "joe"), ("Impersonate-Group", "ops")],
        ),
        (
            {"as": "joe", "as-groups": ["ops"]},
            Identity(user="jane"),
            [("Impersonate-User", "jane"), ("Impersonate-Group", "ops")],
        ),
    ],
)
@pytest.mark.anyio
async def test_each_request_carries_whom_it_impersonates(
    tmp_path: Path, user: dict[str, Any], identity: Identity, headers: list[tuple[str, str]]
) -> None:
    """The rights of a service account are tried out with --as; a missing header is an admin's."""
    path = write(tmp_path / "k", a_config(users=[{"name": "u", "user": {"token": "t", **user}}]))
    transport = await connect(str(path), environ={}, identity=identity)
    assert isinstance(transport, HttpTransport)
    assert transport._credentials is not None
    sent = (await transport._credentials.current()).headers
    assert [pair for pair in sent if pair[0].startswith("Impersonate")] == headers
    await transport.aclose()


def test_groups_without_a_user_are_a_usage_error(tmp_path: Path) -> None:
    """The server would answer each request with an error about a header."""
    path = write(tmp_path / "k", a_config())
    with pytest.raises(UsageError, match="--as-group needs a user to impersonate; add --as USER"):
        described(path, Identity(groups=("a",)))


def test_a_context_needs_a_kubeconfig() -> None:
    """In a pod, --context would be ignored, and its own cluster be changed."""
    environ = {"HOME": "/nowhere", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    with pytest.raises(UsageError, match="no kubeconfig with --context prod"):
        locate(None, environ=environ, identity=Identity("prod"))


def test_the_namespace_is_that_of_the_context_or_of_the_pod(tmp_path: Path) -> None:
    """A pod that kubectl finds would have to be named by its namespace, in a Job too."""
    context = {"cluster": "c", "user": "u", "namespace": "shop"}
    path = write(tmp_path / "k", a_config(contexts=[{"name": "here", "context": context}]))
    plain = write(tmp_path / "plain", a_config())
    (tmp_path / "namespace").write_text("jobs\n")

    assert own_namespace(locate(str(path), environ={})) == "shop"
    assert own_namespace(locate(str(plain), environ={}), tmp_path) == ""
    assert own_namespace(None, tmp_path) == "jobs"
    assert own_namespace(None, tmp_path / "outside") == ""
