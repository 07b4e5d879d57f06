"""Kubeconfig files: reading several as one, with their mistakes in plain words.

`pyload.kube.kubeconfig_fields` knows the fields. What the chosen user and cluster mean is the
business of `pyload.kube.credentials`. What kubectl does with each field, and pyload, stands in
docs/authentication.md.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pyload.errors import UsageError
from pyload.kube.kubeconfig_fields import OTHER_FILE, contradiction, has, unknown_fields
from pyload.kube.proxy import parse, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_CLUSTER_FILES: Final = ("certificate-authority",)
_USER_FILES: Final = ("client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True, slots=True)
class Selected:
    """One context of one or more files.

    Attributes:
        source: Files, for messages.
        context: The context's name.
        account: Name of its user; empty for an anonymous one.
        cluster: The cluster's section, with absolute file names and a URL as ``server``.
        user: The user's section, likewise; empty for an anonymous one.
        namespace: The context's namespace; empty for none.
        warnings: What has no effect in it.
    """

    source: str
    context: str
    account: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    namespace: str = ""
    warnings: Sequence[str] = ()


def load(paths: Sequence[Path], context: str = "") -> Selected:
    """Read files and find the cluster and user of a context.

    As for kubectl, of several files the first that sets something wins.

    Args:
        paths: The files.
        context: The context's name; empty for the current one.

    Raises:
        UsageError: A file cannot be used; says which and why.
    """
    source = ":".join(map(str, paths))
    files = [(path, _read(path)) for path in paths]
    warnings = [
        f"kubeconfig {path}: {field} is not known to kubectl either, and has no effect"
        for path, parsed in files
        for field in unknown_fields(str(path), parsed)
    ]
    if context:
        return _select(source, files, context, warnings, chosen=True)
    name = next(filter(None, (_text(parsed, "current-context") for _, parsed in files)), "")
    if not name:
        raise UsageError(
            f"kubeconfig {source} has no current-context",
            fix="choose one with --context, or with `kubectl config use-context NAME`",
        )
    return _select(source, files, name, warnings, chosen=False)


def _read(path: Path) -> Mapping[str, Any]:
    import yaml  # noqa: PLC0415 - not needed by embedded runs

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        parsed = yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506 - a safe loader
    except IsADirectoryError:
        raise UsageError(
            f"kubeconfig {path} is a directory", fix="name the file in it with --kubeconfig"
        ) from None
    except OSError as error:
        raise UsageError(
            f"cannot read kubeconfig {path}: {error.strerror or error}",
            fix="check its permissions, or name another with --kubeconfig",
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise UsageError(f"kubeconfig {path} is not YAML{where}", fix=OTHER_FILE) from error
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise UsageError(f"kubeconfig {path} is YAML, but not a kubeconfig", fix=OTHER_FILE)
    return parsed


def _text(parsed: Mapping[str, Any], key: str) -> str:
    value = parsed.get(key)
    return value if isinstance(value, str) else ""


def _select(
    source: str,
    files: Sequence[tuple[Path, Mapping[str, Any]]],
    name: str,
    warnings: Sequence[str],
    *,
    chosen: bool,
) -> Selected:
    found = _find(files, "contexts", "context", name)
    if found is None:
        whose = "" if chosen else ", which is its current-context"
        raise UsageError(
            f'kubeconfig {source} has no context "{name}"{whose}',
            fix=f"use one of {', '.join(_contexts(files)) or 'another file'} with --context",
        )
    _, context = found
    cluster_name, user_name = _text(context, "cluster"), _text(context, "user")
    cluster = _find(files, "clusters", "cluster", cluster_name)
    if cluster is None:
        raise UsageError(
            f'kubeconfig {source} has no cluster "{cluster_name}", '
            f'which its context "{name}" refers to',
            fix=_MEND,
        )
    user: tuple[Path, Mapping[str, Any]] | None = (Path(), {})
    if user_name:
        user = _find(files, "users", "user", user_name)
    if user is None:
        raise UsageError(
            f'kubeconfig {source} has no user "{user_name}", which its context "{name}" refers to',
            fix=_MEND,
        )
    absolute_cluster = _absolute(*cluster, _CLUSTER_FILES)
    absolute_user = _absolute(*user, _USER_FILES)
    if absolute_user.get("username") or absolute_user.get("password"):
        # One alone is enough for kubectl; the other is empty then.
        absolute_user |= {key: absolute_user.get(key) or "" for key in ("username", "password")}
    absolute_cluster["server"] = _server(source, cluster_name, absolute_cluster, absolute_user)
    if absolute_user.get("tokenFile") and (
        not absolute_user.get("token") or Path(absolute_user["tokenFile"]).is_file()
    ):
        absolute_user.pop("token", None)
    if problem := contradiction(absolute_cluster, absolute_user):
        raise UsageError(f'context "{name}" of kubeconfig {source}: {problem}', fix=_MEND)
    if proxy := absolute_cluster.get("proxy-url"):
        parse(proxy, proxy_source(source, name))
    kept, more = _sendable(absolute_cluster["server"], absolute_user)
    warnings = [*warnings, *(f"kubeconfig {source}: {one}" for one in more)]
    namespace = _text(context, "namespace")
    return Selected(source, name, user_name, absolute_cluster, kept, namespace, warnings)


def proxy_source(source: str, context: str) -> str:
    """Return what names the proxy of a context's cluster, for messages."""
    return f'proxy-url of context "{context}" in kubeconfig {source}'


def _sendable(server: str, user: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return what may be shown to a server, and what is not, in words.

    kubectl shows nothing but an impersonated user where the connection is not encrypted. Here,
    this machine is excepted, as what a test or a port-forward listens on.
    """
    warnings = []
    if has(user, "client-key") and not has(user, "client-certificate"):
        warnings.append("client-key has no client-certificate, and no effect")
    parts = urlsplit(server)
    if parts.scheme == "https" or _is_own(parts.hostname or ""):
        return user, warnings
    kept = {key: value for key, value in user.items() if key in _CLEAR or not value}
    if dropped := [key for key in user if key not in kept]:
        warnings.append(f"{', '.join(dropped)} not used, as by kubectl: {server} is not encrypted")
    return kept, warnings


_CLEAR: Final = ("as", "as-uid", "as-groups", "as-user-extra", "extensions")


def _is_own(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_MEND: Final = "choose another context with `kubectl config use-context NAME`, or mend the file"


def _contexts(files: Iterable[tuple[Path, Mapping[str, Any]]]) -> list[str]:
    """Return the names of all contexts, for a message."""
    entries = [entry for _, parsed in files for entry in parsed.get("contexts") or []]
    return list(dict.fromkeys(_text(one, "name") for one in entries if isinstance(one, dict)))


def _find(
    files: Iterable[tuple[Path, Mapping[str, Any]]], key: str, inner: str, name: str
) -> tuple[Path, Mapping[str, Any]] | None:
    for path, parsed in files:
        entries = parsed.get(key) or []
        if not isinstance(entries, list):
            raise UsageError(f"kubeconfig {path}: {key} is not a list", fix=OTHER_FILE)
        for entry in entries:
            if isinstance(entry, dict) and entry.get("name") == name:
                section = entry.get(inner) or {}
                if not isinstance(section, dict):
                    raise UsageError(
                        f'kubeconfig {path}: {inner} "{name}" is not a mapping', fix=OTHER_FILE
                    )
                return path, section
    return None


def _absolute(path: Path, section: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Resolve file names relative to the folder of the kubeconfig file that has them."""
    copy = dict(section)
    folder = path.absolute().parent
    for key in keys:
        if isinstance(copy.get(key), str) and copy[key]:
            copy[key] = str(folder / copy[key])
    plugin = copy.get("exec")
    if isinstance(plugin, dict):
        command = plugin.get("command")
        if isinstance(command, str) and "/" in command:
            copy["exec"] = {**plugin, "command": str(folder / command)}
    return copy


def _server(source: str, name: str, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> str:
    where = f'server of cluster "{name}" in kubeconfig {source}'
    server = _text(cluster, "server").rstrip("/")
    if not server:
        raise UsageError(
            f'cluster "{name}" of kubeconfig {source} has no server', fix="add its URL"
        )
    if "://" not in server:
        encrypted = [
            key
            for section in (cluster, user)
            for key in section
            if key.startswith(("certificate", "insecure", "client-")) and section[key]
        ]
        if encrypted:
            raise UsageError(
                f"{where} has no scheme, which means http to kubectl, and contradicts "
                f"{encrypted[0]}",
                fix="write https://HOST:PORT",
            )
        server = f"http://{server}"
    try:
        parts = urlsplit(server)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"{where} is not a URL: {without_secrets(server)}", fix="write https://HOST:PORT"
        )
    if "@" in parts.netloc:
        raise UsageError(
            f"{where} has a user or password in its URL",
            fix="write them as username and password of the user",
        )
    if parts.query or parts.fragment:
        raise UsageError(f"{where} has a query or fragment, which means nothing", fix="remove it")
    return server
