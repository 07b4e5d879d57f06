"""The flags of every command, which may stand before or after its name.

Those about servers are the fields of `Connection`: each flag has the name of its field, and takes
its default from there, as do those about log lines from `LogOptions`.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import click
from click.core import ParameterSource

from pyload.cli import notices
from pyload.cli.called_as import is_pilot_load
from pyload.cli.flags.go import GoBool, GoInt, GoMap, merged
from pyload.cli.flags.group import GroupOption
from pyload.cli.log_levels import LEVELS, SCOPES
from pyload.cli.logs import LogOptions
from pyload.errors import UsageError
from pyload.harness.connection import PILOT_LOAD_VERSION, Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CONNECTION: Final = Connection()
_LOG: Final = LogOptions()
_FIELDS: Final = frozenset(field.name for field in fields(Connection))
_RANKS: Final = {ParameterSource.COMMANDLINE: 2, ParameterSource.ENVIRONMENT: 1}
"""Sources of a value that win over its default; the higher wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values of the global flags.

    Attributes:
        connection: The flags about the servers.
        log: The flags about log lines.
        given: Names of the flags that the user gave a value other than the empty text.
        environ: The variables that templates may read; None for none.
    """

    connection: Connection
    log: LogOptions
    given: frozenset[str]
    environ: Mapping[str, str] | None

    @property
    def pod_connection(self) -> Connection:
        """The connection for pods, whose own address counts unless the user gave one."""
        if "pilot_address" in self.given:
            return self.connection
        return replace(self.connection, pilot_address="")


class GlobalOption(GroupOption):
    """A flag that every command has."""

    title = "Global options"
    topic: ClassVar[str]
    """Title of its section in the list of commands, where all of them are explained."""


class PilotOption(GlobalOption):
    """A flag about the control plane and its proxies."""

    topic = "Control plane"


class RareOption(PilotOption):
    """A flag that the list of commands only names."""


class KubeOption(GlobalOption):
    """A flag about the API server."""

    topic = "Kubernetes"


class LogOption(GlobalOption):
    """A flag about log lines and metrics, which the list of commands only names."""

    topic = "Logs and metrics"


METRICS_ADDRESS: Final = "127.0.0.1:8765"
PILOT_LOAD_METRICS_ADDRESS: Final = ":8765"
"""Called as `pilot-load`: its scripts may scrape from another machine."""


def default_pilot_address(environ: Mapping[str, str]) -> str:
    """Return the xDS address for a user who gives none: in a pod, that of the cluster's istiod."""
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "istiod.istio-system.svc:15010"
    return _CONNECTION.pilot_address


def words(*known: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return a completion of some words, for a flag that checks its value later."""
    return lambda _context, _parameter, begun: [one for one in known if one.startswith(begun)]


GLOBAL_OPTIONS: Final = (
    PilotOption(
        ["-p", "--pilot-address"],
        default="",
        metavar="HOST:PORT",
        help=f"xDS server.  [default: {default_pilot_address(os.environ)}]",
    ),
    PilotOption(
        ["-a", "--auth"],
        default=_CONNECTION.auth,
        shell_complete=words("plaintext", "jwt", "plaintext-jwt", "mtls"),
        metavar="AUTH",
        help="jwt, plaintext-jwt, mtls, plaintext; by port.",
    ),
    PilotOption(
        ["--ca-file"],
        type=click.Path(),
        default=_CONNECTION.ca_file,
        metavar="FILE",
        help="CA of the xDS server's certificate.",
    ),
    PilotOption(
        ["--insecure"],
        type=GoBool(),
        default=_CONNECTION.insecure,
        help="Do not verify the xDS server's certificate.",
    ),
    PilotOption(
        ["--ca-address"],
        default=_CONNECTION.ca_address,
        metavar="HOST:PORT",
        help="CA to ask for certificates.  [default: -p]",
    ),
    RareOption(
        ["--csr-per-pod"],
        type=GoBool(),
        default=_CONNECTION.csr_per_pod,
        help="With mtls, one certificate for each proxy.",
    ),
    RareOption(
        ["--transport"],
        default=_CONNECTION.transport,
        shell_complete=words("lean", "grpc"),
        metavar="NAME",
        show_default=True,
        help="gRPC client: lean or grpc.",
    ),
    KubeOption(
        ["-k", "--kubeconfig"],
        type=click.Path(),
        default=_CONNECTION.kubeconfig,
        metavar="FILE",
        help="Kubeconfig to use.  [default: as kubectl's]",
    ),
    KubeOption(
        ["--context"],
        default=_CONNECTION.context,
        metavar="NAME",
        help="Context to use.  [default: the current one]",
    ),
    KubeOption(
        ["--as", "as_user"],
        default=_CONNECTION.as_user,
        metavar="USER",
        help="User to impersonate.",
    ),
    KubeOption(
        ["--as-group", "as_groups"],
        multiple=True,
        default=_CONNECTION.as_groups,
        metavar="GROUP",
        help="Group to impersonate, with --as.  Repeatable.",
    ),
    KubeOption(
        ["--qps"],
        type=GoInt(),
        default=_CONNECTION.qps,
        show_default=True,
        help="API requests per second.",
    ),
    PilotOption(
        ["-m", "--metadata"],
        type=GoMap(),
        multiple=True,
        callback=merged,
        metavar="K=V,...",
        help="Node metadata of every proxy, before its own.",
    ),
    PilotOption(
        ["--node"],
        default=None,
        shell_complete=words("full", "bare"),
        metavar="full|bare",
        help="Nodes as Envoy's, or small.  [default: full]",
    ),
    RareOption(
        ["--istio-version"],
        default=_CONNECTION.istio_version,
        metavar="VERSION",
        help="Istio version of the proxies.  [default: the pods', or istiod's]",
    ),
    PilotOption(
        ["--delta"],
        type=GoBool(),
        default=_CONNECTION.delta,
        help="Use delta xDS; if false, state of the world.",
    ),
    RareOption(
        ["--allow-env"],
        type=GoBool(),
        default=False,
        help="Let templates read environment variables.",
    ),
    LogOption(
        ["--metrics-addr"],
        # A program that uses pyload as a library serves no metrics unless it asks for them.
        default=None,
        metavar="ADDR",
        help=f"Serve metrics; '' is off.  [default: {METRICS_ADDRESS}]",
    ),
    LogOption(
        ["--istiod-metrics"],
        default=None,
        shell_complete=words("auto", "none"),
        metavar="URL|auto|none",
        help="Where to read istiod's own metrics.  [default: auto]",
    ),
    LogOption(["-q", "--quiet"], is_flag=True, help="Log only warnings and errors."),
    LogOption(["-v", "--verbose"], is_flag=True, help="Log at debug level, above the panel too."),
    LogOption(
        ["--log-file"],
        type=click.Path(dir_okay=False),
        default=_LOG.file,
        metavar="FILE",
        help="File for log lines; a terminal has a panel instead.",
    ),
    LogOption(
        ["--log_output_level"],
        default=_LOG.output_level,
        metavar="[SCOPE:]LEVEL,...",
        help=f"Log at {', '.join(LEVELS)}; scopes are all, {', '.join(SCOPES)}.",
    ),
    LogOption(["--log_target"], default=_LOG.target, multiple=True, hidden=True),
    LogOption(
        ["--log_as_json"],
        type=GoBool(),
        default=_LOG.as_json,
        # Before other flags, so that an error of theirs is JSON too.
        is_eager=True,
        callback=notices.choose,
        help="Log JSON lines; summary and error are such lines too.",
    ),
    LogOption(["--log_caller"], default=_LOG.caller, hidden=True),
    # Accepted for pilot-load's scripts; they steer parts of Go that are not here.
    LogOption(["--log_stacktrace_level"], default="", hidden=True, expose_value=False),
    LogOption(["--vklog"], type=GoInt(), default=0, hidden=True, expose_value=False),
)
GLOBAL: Final = frozenset(str(option.name) for option in GLOBAL_OPTIONS)


def settings_of(context: click.Context) -> Settings:
    """Merge the global flags given before and after the command's name; the latter win.

    Flags of the command line win over the environment, wherever they stand.

    Raises:
        UsageError: Two of them contradict each other.
    """
    values: dict[str, Any] = {}
    ranks: dict[str, int] = {}
    for level in (context.parent, context):
        if level is None:
            continue
        for name in GLOBAL & level.params.keys():
            source = level.get_parameter_source(name)
            rank = _RANKS.get(source, 0) if source is not None else 0
            if rank < ranks.get(name, 0):
                continue
            value = level.params[name]
            if name == "metadata":
                before = values.get(name, {}) if rank == ranks.get(name) else {}
                value = before | value
            values[name], ranks[name] = value, rank
    as_pilot_load = is_pilot_load(context)
    # A script of pilot-load finds nothing at its servers that it does not know.
    default_istiod_metrics = "none" if as_pilot_load else "auto"
    if values["metrics_addr"] is None:
        values["metrics_addr"] = PILOT_LOAD_METRICS_ADDRESS if as_pilot_load else METRICS_ADDRESS
    return Settings(
        connection=Connection(
            **{name: values[name] for name in _FIELDS & values.keys()}
            | {
                "pilot_address": values["pilot_address"] or default_pilot_address(os.environ),
                "istiod_metrics": values["istiod_metrics"] or default_istiod_metrics,
                "node": values["node"] or ("bare" if as_pilot_load else "full"),
                "assumed_version": PILOT_LOAD_VERSION if as_pilot_load else "",
            }
        ),
        log=_log_options(values, as_pilot_load=as_pilot_load),
        given=frozenset(name for name, rank in ranks.items() if rank and values[name] != ""),
        # Those who have called pilot-load trust its configs with theirs.
        environ=os.environ if values["allow_env"] or as_pilot_load else None,
    )


def _log_options(values: Mapping[str, Any], *, as_pilot_load: bool) -> LogOptions:
    if values["quiet"] and values["verbose"]:
        raise UsageError("-q and -v contradict each other", fix="give one")
    # What the user says about a scope counts more than these.
    wide = "all:warn" if values["quiet"] else "all:debug" if values["verbose"] else ""
    return LogOptions(
        output_level=",".join(filter(None, (wide, values["log_output_level"]))),
        target=values["log_target"],
        as_json=values["log_as_json"],
        caller=values["log_caller"],
        file=values["log_file"],
        as_pilot_load=as_pilot_load,
    )


def pass_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Pass a command the global flags, as the first argument of its function."""

    @functools.wraps(function)
    def call(*args: Any, **values: Any) -> Any:
        return function(settings_of(click.get_current_context()), *args, **values)

    return call
