"""Each form of `kubectl create`, and the verbs that create otherwise."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.kubectl.rows import runs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.kubectl.command import Kubectl

pytestmark = pytest.mark.e2e


@runs("create namespace", "create configmap", "create secret", "create serviceaccount")
def test_what_has_only_data_is_created(kubectl: Kubectl, tmp_path: Path) -> None:
    """These come first in each tutorial."""
    (tmp_path / "b").write_bytes(b"\xff\0")
    assert kubectl("create", "namespace", "other") == "namespace/other created\n"

    kubectl("create", "configmap", "c", "--from-literal=a=1", f"--from-file={tmp_path / 'b'}")
    kubectl("create", "secret", "generic", "s", "--from-literal=a=1")
    kubectl("create", "serviceaccount", "a")

    map_ = json.loads(kubectl("get", "configmap", "c", "--output=json"))
    assert (map_["data"], map_["binaryData"]) == ({"a": "1"}, {"b": "/wA="})
    secret = json.loads(kubectl("get", "secret", "s", "--output=json"))
    assert (secret["data"], secret["type"]) == ({"a": "MQ=="}, "Opaque")
    assert kubectl("get", "serviceaccounts", "--output=name").split() == [
        "serviceaccount/a",
        "serviceaccount/default",
    ]
