"""The exec protocol: what kubectl asks of a section, and of an answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import UsageError
from pyload.kube.exec_protocol import (
    ExecConfig,
    exec_info,
    parse_exec,
    printable,
    read_status,
)

V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"


def section(**changes: Any) -> dict[str, Any]:
    """Return a section that kubectl takes."""
    return {"apiVersion": V1, "command": "log-in", "interactiveMode": "Never", **changes}


def a_config(**changes: Any) -> ExecConfig:
    """Return what is read of it."""
    return parse_exec(section(**changes))


def answer(config: ExecConfig, **status: Any) -> bytes:
    """Return what a plug-in prints."""
    return orjson.dumps(
        {"kind": "ExecCredential", "apiVersion": config.api_version, "status": status}
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"apiVersion": None}, "has no apiVersion"),
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "has the apiVersion .*v1alpha1"),
        ({"interactiveMode": None}, "has no interactiveMode"),
        ({"interactiveMode": "Sometimes"}, "has the interactiveMode Sometimes"),
        ({"command": ""}, "has no command"),
        ({"command": 5}, "has a command that is not a text"),
        ({"args": ["a", 5]}, "args that are not a list of texts"),
        ({"env": [{"value": "x"}]}, "env that is not a list of names and values"),
        ({"env": {"A": "b"}}, "env that is not a list of names and values"),
        ({"provideClusterInfo": "yes"}, "neither true nor false"),
    ],
)
def test_a_section_that_kubectl_refuses_is_refused(changes: dict[str, Any], why: str) -> None:
    """It would work here and fail with kubectl, or the other way round."""
    with pytest.raises(UsageError, match=why):
        parse_exec({key: one for key, one in section(**changes).items() if one is not None})


def test_a_section_that_is_no_mapping_is_refused() -> None:
    """A text in its place would end in a traceback."""
    with pytest.raises(UsageError, match="is not a mapping"):
        parse_exec("log-in")


def test_the_older_version_needs_no_interactive_mode() -> None:
    """EKS wrote kubeconfigs of v1beta1 for years."""
    config = a_config(apiVersion=V1BETA1, interactiveMode="")
    assert config.interactive_mode == "IfAvailable"


@pytest.mark.parametrize(
    ("mode", "terminal", "interactive"),
    [
        ("Never", True, False),
        ("IfAvailable", True, True),
        ("IfAvailable", False, False),
        ("Always", True, True),
    ],
)
def test_a_plugin_gets_standard_input_where_it_may_ask(
    mode: str, *, terminal: bool, interactive: bool
) -> None:
    """A plug-in would wait for an answer in a pod, or not ask at a terminal."""
    assert a_config(interactiveMode=mode).is_interactive(terminal=terminal) is interactive


def test_a_plugin_that_has_to_ask_is_refused_without_a_terminal() -> None:
    """It would wait for ever in a pipeline."""
    with pytest.raises(UsageError, match="standard input is no terminal"):
        a_config(interactiveMode="Always").is_interactive(terminal=False)


def test_a_plugin_is_told_its_cluster_only_if_it_asks() -> None:
    """Plug-ins that serve several clusters log in to the wrong one, or not at all."""
    cluster = {"server": "https://a", "config": {"audience": "x"}}
    quiet = orjson.loads(exec_info(a_config(), cluster, interactive=True))
    told = a_config(provideClusterInfo=True, apiVersion=V1BETA1)
    whole = orjson.loads(exec_info(told, cluster, interactive=False))

    assert quiet == {"apiVersion": V1, "kind": "ExecCredential", "spec": {"interactive": True}}
    assert whole["apiVersion"] == V1BETA1
    assert whole["spec"] == {"interactive": False, "cluster": cluster}


def test_a_status_may_leave_out_what_the_other_part_makes_up_for() -> None:
    """Tokens without expiry and bare certificates are both common."""
    config = a_config()

    token = read_status(config, answer(config, token="t"))
    assert (token.token, token.key_pair, token.expires) == ("t", None, None)
    pair = read_status(config, answer(config, clientCertificateData="c", clientKeyData="k"))
    assert pair.key_pair is not None
    assert (pair.token, pair.key_pair.chain, pair.key_pair.key) == ("", b"c", b"k")
    ends = read_status(
        config, answer(config, token="t", expirationTimestamp="2026-11-28T05:00:00Z")
    )
    assert ends.expires == datetime(2026, 11, 28, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (b"", "printed nothing"),
        (b"Please log in", "something that is no ExecCredential"),
        (b"[]", "something that is no ExecCredential"),
        (b'{"kind": "Pod"}', "but the kind Pod"),
        (
            orjson.dumps({"kind": "ExecCredential", "apiVersion": V1BETA1, "status": {}}),
            "and the kubeconfig asks for .*/v1",
        ),
        (orjson.dumps({"kind": "ExecCredential", "apiVersion": V1}), "without a status"),
        (answer(a_config()), "neither a token nor a certificate"),
        (answer(a_config(), token=5), "token that is not a text"),
        (answer(a_config(), clientKeyData="k"), "only one of certificate and key"),
        (answer(a_config(), token="t", expirationTimestamp="soon"), "expirationTimestamp 'soon'"),
    ],
)
def test_an_answer_that_kubectl_refuses_is_refused(output: bytes, why: str) -> None:
    """Requests would be sent with half a credential, and the server be blamed."""
    with pytest.raises(UsageError, match=why):
        read_status(a_config(), output)


def test_a_token_is_not_shown() -> None:
    """It would stand in a log."""
    config = a_config()
    assert "planted" not in repr(read_status(config, answer(config, token="planted")))


def test_a_terminal_obeys_nothing_of_what_a_plugin_says() -> None:
    """A hint could move the cursor, or set the window's title."""
    assert printable("a\x1b[31mb\x1b[0m\x07c\n") == "abc\n"


@given(st.binary(max_size=60))
def test_no_output_makes_a_traceback(output: bytes) -> None:
    """A broken plug-in is a mistake of the user's."""
    with pytest.raises(UsageError):
        read_status(a_config(), output)
