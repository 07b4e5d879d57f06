"""What pyload and an exec plug-in tell each other: ``client.authentication.k8s.io``.

The user's section of a kubeconfig says which program to run. It finds in the environment variable
``KUBERNETES_EXEC_INFO`` whether it may ask the user something, and which cluster it is for, and
prints an ExecCredential with a token, a certificate, or both. What is refused here is what
client-go refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.errors import UsageError
from pyload.key_pair import KeyPair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.kube.resources import Obj

INFO: Final = "KUBERNETES_EXEC_INFO"
EXTENSION: Final = "client.authentication.k8s.io/exec"
"""Name of the cluster's extension that is for plug-ins."""

_GROUP: Final = "client.authentication.k8s.io"
_KIND: Final = "ExecCredential"
_VERSIONS: Final = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")
_MODES: Final = ("Never", "IfAvailable", "Always")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecConfig:
    """The section ``exec`` of a user.

    Attributes:
        command: Path of the program, or a name to look for in ``PATH``.
        args: Its arguments.
        env: Variables beside those of this process.
        api_version: Group and version of the ExecCredential.
        install_hint: How to get the program.
        cluster_info: Whether it is told the cluster.
        interactive_mode: ``Never``, ``IfAvailable`` or ``Always``.
    """

    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    api_version: str
    install_hint: str
    cluster_info: bool
    interactive_mode: str

    def is_interactive(self, *, terminal: bool) -> bool:
        """Return whether the program gets standard input.

        Args:
            terminal: Whether that is a terminal.

        Raises:
            UsageError: It needs one.
        """
        if self.interactive_mode == "Always" and not terminal:
            raise UsageError(
                f"plug-in {self.command} has to ask something, and standard input is no terminal",
                fix="run pyload at a terminal, or set interactiveMode in the kubeconfig",
            )
        return terminal and self.interactive_mode != "Never"


@dataclass(frozen=True, slots=True)
class ExecStatus:
    """What a plug-in has answered.

    Attributes:
        token: Bearer token; empty for none.
        key_pair: Certificate and key; None for none.
        expires: When to run it again; None for when the server refuses what it said.
    """

    token: str = field(default="", repr=False)
    key_pair: KeyPair | None = None
    expires: datetime | None = None


def parse_exec(section: object) -> ExecConfig:
    """Read the section ``exec`` of a user.

    Raises:
        UsageError: kubectl would refuse it; says why.
    """
    if not isinstance(section, dict):
        raise _unusable("is not a mapping")
    version = _text(section, "apiVersion")
    if version not in _VERSIONS:
        what = f"has the apiVersion {version}" if version else "has no apiVersion"
        raise _unusable(what, f"set it to {' or '.join(_VERSIONS)}")
    mode = _text(section, "interactiveMode")
    if not mode and version.endswith("/v1"):
        raise _unusable("has no interactiveMode", f"set it to {', '.join(_MODES)}")
    if mode and mode not in _MODES:
        raise _unusable(f"has the interactiveMode {mode}", f"set it to {', '.join(_MODES)}")
    command = _text(section, "command")
    if not command:
        raise _unusable("has no command")
    told = section.get("provideClusterInfo")
    if not isinstance(told, bool | None):
        raise _unusable("has a provideClusterInfo that is neither true nor false")
    args = section.get("args") or []
    if not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
        raise _unusable("has args that are not a list of texts", "put numbers in quotes")
    return ExecConfig(
        command=command,
        args=tuple(args),
        env=_variables(section.get("env") or []),
        api_version=version,
        install_hint=printable(_text(section, "installHint")),
        cluster_info=bool(told),
        interactive_mode=mode or "IfAvailable",
    )


def exec_info(config: ExecConfig, cluster: Obj, *, interactive: bool) -> str:
    """Return the value of `INFO`.

    Args:
        config: The plug-in.
        cluster: What it may know of the cluster.
        interactive: Whether it gets standard input.
    """
    spec: Obj = {"interactive": interactive}
    if config.cluster_info:
        spec["cluster"] = cluster
    info = {"apiVersion": config.api_version, "kind": _KIND, "spec": spec}
    return orjson.dumps(info, default=str).decode()


def read_status(config: ExecConfig, output: bytes) -> ExecStatus:
    """Read what a plug-in has printed.

    Raises:
        UsageError: It is no ExecCredential with something in it; says why.
    """
    try:
        answer = orjson.loads(output)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        printed = "nothing" if not output.strip() else "something that is no ExecCredential"
        raise _failed(config, f"printed {printed} on standard output")
    if answer.get("kind") != _KIND:
        raise _failed(config, f"printed no {_KIND}, but the kind {answer.get('kind')}")
    if answer.get("apiVersion") != config.api_version:
        raise _failed(
            config,
            f"answers with the apiVersion {answer.get('apiVersion')}, "
            f"and the kubeconfig asks for {config.api_version}",
        )
    status = answer.get("status")
    if not isinstance(status, dict):
        raise _failed(config, "answers without a status")
    token, chain, key = (
        _value(config, status, name) for name in ("token", "clientCertificateData", "clientKeyData")
    )
    if bool(chain) != bool(key):
        raise _failed(config, "answers with only one of certificate and key")
    if not token and not chain:
        raise _failed(config, "answers with neither a token nor a certificate")
    pair = KeyPair(key.encode(), chain.encode()) if chain else None
    return ExecStatus(token, pair, _time(config, _value(config, status, "expirationTimestamp")))


def printable(text: str) -> str:
    """Return a text without what a terminal would obey: control characters and their sequences."""
    return _CONTROLS.sub("", text)


_CONTROLS: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[^\n\t\x20-\x7e\xa0-\U0010ffff]")


def _variables(entries: Any) -> dict[str, str]:
    variables = {}
    for entry in entries if isinstance(entries, list) else [None]:
        name = entry.get("name") if isinstance(entry, dict) else None
        value = (entry.get("value") or "") if isinstance(entry, dict) else None
        if not name or not isinstance(name, str) or not isinstance(value, str):
            raise _unusable("has an env that is not a list of names and values")
        variables[name] = value
    return variables


def _text(section: Mapping[str, Any], key: str) -> str:
    value = section.get(key)
    if not isinstance(value, str | None):
        raise _unusable(f"has a {key} that is not a text")
    return value or ""


def _value(config: ExecConfig, status: Mapping[str, Any], name: str) -> str:
    value = status.get(name)
    if not isinstance(value, str | None):
        raise _failed(config, f"answers with a {name} that is not a text")
    return value or ""


def _time(config: ExecConfig, text: str) -> datetime | None:
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise _failed(config, f"answers with the expirationTimestamp {text!r}") from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _unusable(what: str, fix: str = "") -> UsageError:
    return UsageError(f"exec {what}", fix=fix)


def _failed(config: ExecConfig, what: str) -> UsageError:
    return UsageError(f"plug-in {config.command} {what}")
