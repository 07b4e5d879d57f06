"""The flags that every command takes, before or after its name (contract §1.1)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from pyload.cli.flags.go import GoBool, GoInt, GoMap
from pyload.cli.logs import LogOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyload.harness.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the global flags say.

    Attributes:
        pilot_address: ``HOST:PORT`` of the xDS server.
        auth: Authentication, or empty to infer it from the port.
        ca_file: Certificates by which the control plane is verified.
        insecure: Do not verify the control plane.
        ca_address: ``HOST:PORT`` of the CA, where the control plane is none.
        csr_per_pod: A certificate for each proxy.
        transport: What carries the streams.
        kubeconfig: Path of a kubeconfig, or empty for the usual places.
        qps: Requests per second to the API server.
        metadata: Further node metadata.
        delta: Delta xDS instead of state of the world.
        metrics_addr: Address of the metrics server.
        log: The log flags.
    """

    pilot_address: str
    auth: str
    ca_file: str
    insecure: bool
    ca_address: str
    csr_per_pod: bool
    transport: str
    kubeconfig: str
    qps: int
    metadata: Mapping[str, str]
    delta: bool
    metrics_addr: str
    log: LogOptions

    def connection(self) -> Connection:
        """Give what a command needs to reach its servers."""
        from pyload.harness.connection import Connection  # noqa: PLC0415 - fast help

        return Connection(
            pilot_address=self.pilot_address or default_pilot_address(os.environ),
            auth=self.auth,
            ca_file=self.ca_file,
            insecure=self.insecure,
            ca_address=self.ca_address,
            csr_per_pod=self.csr_per_pod,
            transport=self.transport,
            kubeconfig=self.kubeconfig,
            qps=float(self.qps),
            metadata=self.metadata,
            delta=self.delta,
            metrics_addr=self.metrics_addr,
        )


def default_pilot_address(environ: Mapping[str, str]) -> str:
    """Give the xDS address of a program that was told none (contract §1.1)."""
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "istiod.istio-system.svc:15010"
    return "localhost:15010"


def words(*known: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Give what completes a value to one of some words, without being strict about it."""
    return lambda _context, _parameter, begun: [one for one in known if one.startswith(begun)]


def _global_options() -> list[click.Option]:
    return [
        click.Option(
            ["-p", "--pilot-address"],
            metavar="HOST:PORT",
            help=f"xDS server.  [default: {default_pilot_address(os.environ)}]",
        ),
        click.Option(
            ["-a", "--auth"],
            default="",
            shell_complete=words("plaintext", "jwt", "plaintext-jwt", "mtls"),
            metavar="AUTH",
            help="plaintext, jwt, plaintext-jwt or mtls.",
        ),
        click.Option(
            ["--ca-file"],
            type=click.Path(),
            default="",
            metavar="FILE",
            help="Trust this CA, not the cluster's.",
        ),
        click.Option(
            ["--insecure"], type=GoBool(), default=False, help="Do not verify the xDS server."
        ),
        click.Option(
            ["--ca-address"],
            default="",
            metavar="HOST:PORT",
            help="Signs for mtls.  [default: the xDS server]",
        ),
        click.Option(
            ["--csr-per-pod"],
            type=GoBool(),
            default=False,
            help="mtls: a certificate for each proxy.",
        ),
        click.Option(
            ["--transport"],
            default="lean",
            shell_complete=words("lean", "grpc"),
            metavar="NAME",
            help="lean, or grpc to compare.  [default: lean]",
        ),
        click.Option(
            ["-k", "--kubeconfig"],
            type=click.Path(),
            default="",
            metavar="FILE",
            help="Kubeconfig.  [default: as kubectl's]",
        ),
        click.Option(
            ["--qps"],
            type=GoInt(),
            default=100_000,
            show_default=True,
            help="API requests per second.",
        ),
        click.Option(
            ["-m", "--metadata"],
            type=GoMap(),
            multiple=True,
            metavar="K=V,...",
            help="Node metadata to add.",
        ),
        click.Option(
            ["--delta"],
            type=GoBool(),
            default=True,
            help="Speak delta xDS.  [default: true]",
        ),
        click.Option(
            ["--metrics-addr"],
            default=":8765",
            metavar="ADDR",
            help="Metrics; empty for none.  [default: :8765]",
        ),
        click.Option(
            ["--log_output_level"],
            default="",
            metavar="SCOPE:LEVEL",
            help="Levels: debug, info, warn, error, none.",
        ),
        click.Option(["--log_target"], default=("stdout",), multiple=True, hidden=True),
        click.Option(["--log_as_json"], type=GoBool(), default=False, hidden=True),
        click.Option(["--log_caller"], default="", hidden=True),
        # Accepted for pilot-load's scripts; they steer parts of Go that are not here.
        click.Option(["--log_stacktrace_level"], default="", hidden=True, expose_value=False),
        click.Option(["--vklog"], type=GoInt(), default=0, hidden=True, expose_value=False),
    ]


_RANKS: Final = {ParameterSource.COMMANDLINE: 2, ParameterSource.ENVIRONMENT: 1}

GLOBAL: Final = frozenset(str(option.name) for option in _global_options())


def with_global_options(command: click.Command) -> None:
    """Add the global flags to a command."""
    command.params.extend(_global_options())


def settings_of(context: click.Context) -> Settings:
    """Merge the global flags given before and after the command's name; the latter win.

    What was typed wins over the environment, wherever it stands.
    """
    values: dict[str, Any] = {}
    ranks: dict[str, int] = {}
    levels = [level for level in (context.parent, context) if level is not None]
    for level in levels:
        for name in GLOBAL & level.params.keys():
            source = level.get_parameter_source(name)
            rank = _RANKS.get(source, 0) if source is not None else 0
            if rank < ranks.get(name, 0):
                continue
            value = level.params[name]
            if name == "metadata":
                before = values.get(name, {}) if rank == ranks.get(name) else {}
                value = dict(before)
                for pairs in level.params[name]:
                    value.update(pairs)
            values[name], ranks[name] = value, rank
    return Settings(
        pilot_address=values["pilot_address"] or "",
        auth=values["auth"],
        ca_file=values["ca_file"],
        insecure=values["insecure"],
        ca_address=values["ca_address"],
        csr_per_pod=values["csr_per_pod"],
        transport=values["transport"],
        kubeconfig=values["kubeconfig"],
        qps=values["qps"],
        metadata=values["metadata"],
        delta=values["delta"],
        metrics_addr=values["metrics_addr"],
        log=LogOptions(
            levels=values["log_output_level"],
            targets=values["log_target"],
            as_json=values["log_as_json"],
            caller=values["log_caller"],
        ),
    )


def global_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its own flags only; the global ones come from `settings_of`."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **{name: v for name, v in kwargs.items() if name not in GLOBAL})

    call.__doc__ = function.__doc__
    call.__name__ = function.__name__
    return call
