"""The messages between a pool and its workers as bytes.

A frame is a length in four bytes, and a JSON array of the message's name and its fields. Both ends
are the same program, so a frame that cannot be read is a fault of pyload.

Most messages are written field by field. Proxies are the many, and share labels and metadata with
others of their workload: these travel as JSON texts within the JSON, so that the worker parses each
text once, and all proxies with that text share one mapping.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.errors import RemoteProtocolError
from pyload.key_pair import KeyPair
from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.counts import FleetCounts
from pyload.proxies.identity import NodeOptions
from pyload.proxies.late import Late
from pyload.proxies.pool.messages import (
    Arrivals,
    End,
    LogRecord,
    LogRecords,
    Message,
    Ready,
    Refresh,
    Report,
    ResolveRequest,
    ResolveResponse,
    Setup,
    Start,
    StartProxy,
    StatusUpdate,
    Stop,
    Stopped,
)
from pyload.proxies.spec import ProxySpec
from pyload.proxies.targets import Target
from pyload.report.histogram import Histogram
from pyload.report.metrics import Snapshot
from pyload.report.pacing import Pacing
from pyload.report.spreads import PushCounts
from pyload.xds.credentials import Principal
from pyload.xds.tls import TlsConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_FRAME: Final = 256 << 20
_LENGTH: Final = 4

_PLAIN: Final[dict[str, Callable[..., Message]]] = {
    one.__name__: one for one in (Stop, Refresh, End, Ready, Stopped)
}


def encode(message: Message) -> bytes:
    """Return the frame of a message."""
    name = type(message).__name__
    values = astuple(message) if name in _PLAIN else _PACKERS[name](message)
    body = orjson.dumps([name, *values], default=_plain)
    if len(body) > MAX_FRAME:
        raise RemoteProtocolError(f"a message of {len(body)} bytes is too long for a worker")
    return len(body).to_bytes(_LENGTH, "big") + body


def decode(body: bytes) -> Message:
    """Return the message of a frame without its length.

    Raises:
        RemoteProtocolError: The bytes are no message.
    """
    try:
        name, *values = orjson.loads(body)
        if name in _PLAIN:
            return _PLAIN[name](*(tuple(v) if isinstance(v, list) else v for v in values))
        message: Message = _UNPACKERS[name](*values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RemoteProtocolError(f"a worker's message cannot be read: {error!r}") from error
    return message


class Decoder:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Add bytes, and yield the messages that are whole now.

        Raises:
            RemoteProtocolError: The bytes are no message.
        """
        buffer = self._buffer
        buffer += data
        done = 0
        try:
            while len(buffer) - done >= _LENGTH:
                begin = done + _LENGTH
                length = int.from_bytes(buffer[done:begin], "big")
                if length > MAX_FRAME:
                    raise RemoteProtocolError(f"a worker's message claims to have {length} bytes")
                if len(buffer) < begin + length:
                    break
                done = begin + length
                yield decode(bytes(memoryview(buffer)[begin:done]))
        finally:
            del buffer[:done]


def _plain(value: Any) -> Any:
    """Return a mapping as a dict, and bytes, which are PEM here, as text: orjson writes those."""
    if isinstance(value, bytes):
        return value.decode("ascii")
    if hasattr(value, "keys"):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be sent to a worker")


# Proxies.


def _pack_start(message: Start) -> list[Any]:
    return [[_pack_spec(one) for one in message.proxies]]


def _pack_spec(one: StartProxy) -> list[Any]:
    spec = one.spec
    labels = None if spec.labels is None else orjson.dumps(spec.labels, default=_plain).decode()
    return [
        one.number,
        one.restarted,
        spec.key,
        spec.type,
        spec.ip,
        spec.name,
        spec.namespace,
        spec.service_account,
        labels,
        orjson.dumps(spec.metadata, default=_plain).decode(),
        spec.cluster_id,
        spec.domain,
        spec.metadata_is_final,
        spec.address,
        spec.own,
        spec.workload,
        spec.locality,
    ]


def _unpack_start(proxies: list[list[Any]]) -> Start:
    return Start(tuple(_unpack_spec(*one) for one in proxies))


def _unpack_spec(number: int, restarted: bool, *values: Any) -> StartProxy:  # noqa: FBT001 - a field
    key, type_, ip, name, namespace, account, labels, metadata, cluster, domain, *rest = values
    is_final, address, own, workload, locality = rest
    return StartProxy(
        number,
        restarted,
        ProxySpec(
            key=key,
            type=sys.intern(type_),
            ip=ip,
            name=name,
            namespace=sys.intern(namespace),
            service_account=sys.intern(account),
            labels=None if labels is None else _mapping(labels),
            metadata=_mapping(metadata),
            cluster_id=sys.intern(cluster),
            domain=sys.intern(domain),
            metadata_is_final=is_final,
            address=sys.intern(address),
            own=tuple((sys.intern(name), value) for name, value in own),
            workload=sys.intern(workload),
            locality=sys.intern(locality),
        ),
    )


@functools.lru_cache(maxsize=4096)
def _mapping(text: str) -> dict[str, Any]:
    found = orjson.loads(text)
    return {
        key: sys.intern(value) if isinstance(value, str) else value for key, value in found.items()
    }


# The other messages that are not plain.


def _pack_setup(message: Setup) -> list[Any]:
    behavior = list(astuple(message.behavior))
    return [
        message.delta,
        behavior,
        message.transport,
        message.sources,
        message.exclusive,
        message.levels,
        message.run_id,
        list(astuple(message.node)),
    ]


def _unpack_setup(delta: bool, behavior: list[Any], transport: str, *rest: Any) -> Setup:  # noqa: FBT001 - a field
    sources, exclusive, levels, run_id, node = rest
    agent_types, *others = behavior
    return Setup(
        delta,
        ProxyBehavior(tuple(agent_types), *others),
        transport,
        {target: tuple(addresses) for target, addresses in sources.items()},
        exclusive,
        levels,
        run_id,
        NodeOptions(*node),
    )


def _pack_request(message: ResolveRequest) -> list[Any]:
    return [message.number, astuple(message.principal)]


def _unpack_request(number: int, principal: list[str]) -> ResolveRequest:
    return ResolveRequest(number, Principal(*principal))


def _pack_response(message: ResolveResponse) -> list[Any]:
    target = message.target
    packed = None
    if target is not None:
        tls = None if target.tls is None else _pack_tls(target.tls)
        packed = [target.address, tls, target.token, target.exclusive]
    return [message.number, packed, message.error, message.is_certificate_error]


def _unpack_response(number: int, packed: list[Any] | None, *rest: Any) -> ResolveResponse:
    target = None
    if packed is not None:
        address, tls, token, exclusive = packed
        target = Target(address, None if tls is None else _unpack_tls(*tls), token, exclusive)
    return ResolveResponse(number, target, *rest)


def _pack_tls(tls: TlsConfig) -> list[Any]:
    shown = tls.certificate
    return [tls.roots, tls.server_name, None if shown is None else [shown.key, shown.chain]]


def _unpack_tls(roots: str, server_name: str, shown: list[str] | None) -> TlsConfig:
    certificate = None
    if shown is not None:
        key, chain = shown
        certificate = KeyPair(key.encode(), chain.encode())
    return TlsConfig(roots.encode(), server_name, certificate)


def _pack_status(message: StatusUpdate) -> list[Any]:
    arrivals = [(one.marks, one.proxies, one.times) for one in message.arrivals]
    return [message.configured, message.died, astuple(message.counts), arrivals]


def _unpack_status(
    configured: list[int], died: list[int], counts: list[int], arrivals: list[list[list[int]]]
) -> StatusUpdate:
    return StatusUpdate(
        tuple(configured),
        tuple(died),
        FleetCounts(*counts),
        tuple(Arrivals(*map(tuple, one)) for one in arrivals),
    )


def _pack_report(message: Report) -> list[Any]:
    snapshot = {
        one.name: _pack_figures(getattr(message.snapshot, one.name)) for one in fields(Snapshot)
    }
    return [
        message.serial,
        astuple(message.counts),
        snapshot,
        astuple(message.pacing),
        message.cpu_seconds,
        message.rss_bytes,
        [list(one) for one in message.late],
        [
            (version, type_, [*at], [*at.values()], size)
            for version, type_, at, size in message.pushes
        ],
    ]


def _unpack_report(serial: int, counts: list[int], figures: dict[str, Any], *rest: Any) -> Report:
    pacing, cpu, rss, late, pushes = rest
    snapshot = Snapshot(**{name: _unpack_figures(value) for name, value in figures.items()})
    return Report(
        serial,
        FleetCounts(*counts),
        snapshot,
        Pacing(*pacing),
        cpu,
        rss,
        tuple(Late(*one) for one in late),
        tuple(
            PushCounts(version, type_, dict(zip(moments, counts, strict=True)), size)
            for version, type_, moments, counts, size in pushes
        ),
    )


def _pack_figures(figures: Histogram | Mapping[Any, Any]) -> Any:
    if isinstance(figures, Histogram):
        return figures.to_dict()
    return [
        (key, _pack_figures(value) if isinstance(value, Histogram) else value)
        for key, value in figures.items()
    ]


def _unpack_figures(value: Any) -> Any:
    if isinstance(value, dict):
        return Histogram.from_dict(value)
    return {
        tuple(key) if isinstance(key, list) else key: _unpack_figures(count)
        if isinstance(count, dict)
        else count
        for key, count in value
    }


def _pack_log(message: LogRecords) -> list[Any]:
    return [[astuple(one) for one in message.records], message.lost]


def _unpack_log(records: list[list[Any]], lost: int) -> LogRecords:
    return LogRecords(tuple(LogRecord(*one) for one in records), lost)


_PACKERS: Final[dict[str, Any]] = {
    "Setup": _pack_setup,
    "Start": _pack_start,
    "ResolveRequest": _pack_request,
    "ResolveResponse": _pack_response,
    "StatusUpdate": _pack_status,
    "Report": _pack_report,
    "LogRecords": _pack_log,
}
_UNPACKERS: Final[dict[str, Any]] = {
    "Setup": _unpack_setup,
    "Start": _unpack_start,
    "ResolveRequest": _unpack_request,
    "ResolveResponse": _unpack_response,
    "StatusUpdate": _unpack_status,
    "Report": _unpack_report,
    "LogRecords": _unpack_log,
}
