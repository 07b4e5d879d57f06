"""Acting as another user."""

from __future__ import annotations

import pytest

from pyload.errors import UsageError
from pyload.kube.impersonation import Impersonation


def test_all_that_a_kubeconfig_says_is_sent_as_kubectl_sends_it() -> None:
    """The server would decide on the rights of somebody else; this is what kubectl 1.32 sends."""
    account = {
        "as": "jane",
        "as-uid": "u1",
        "as-groups": ["a", "b c"],
        "as-user-extra": {"acme.io/scope%x": ["v1", "v2"]},
    }

    assert Impersonation.of(account).headers() == [
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "u1"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b c"),
        ("Impersonate-Extra-acme.io%2Fscope%25x", "v1"),
        ("Impersonate-Extra-acme.io%2Fscope%25x", "v2"),
    ]
    assert Impersonation.of({"as": None, "as-groups": None}).headers() == []


def test_a_value_that_no_header_can_hold_is_refused() -> None:
    """It would add a header of its own, or end in a traceback."""
    with pytest.raises(UsageError, match="Impersonate-Group cannot be sent"):
        Impersonation("jane", groups=["ops\r\nX: y"]).headers()
