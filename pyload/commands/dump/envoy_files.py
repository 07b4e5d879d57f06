"""The files of a dump, from which Envoy can be started."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson
import yaml

from pyload.xds.types import CDS, ECDS, EDS, LDS, PREFIX, RDS, SDS, TypeUrl, short

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from pyload.key_pair import KeyPair

    Json = dict[str, Any]

Format = Literal["yaml", "json"]

TYPES: Final = (CDS, LDS, RDS, EDS, ECDS, SDS)
"""What is dumped, in this order."""

FOLDERS: Final = ("rds", "eds", "sds", "ecds")

STAND_IN: Final = "stand-in"
"""Version of what the control plane has not sent, and Envoy needs to start."""

_ALL: Final = "0.0.0.0"  # noqa: S104 - where pilot-load's bootstrap has Envoy's admin page
_WIDTH: Final = 1 << 20
"""No line is broken: a certificate or a regular expression stays in one piece."""
_CERTIFICATE: Final = "tlsCertificateSdsSecretConfigs"
_AUTHORITY: Final = "validationContextSdsSecretConfig"
_TICKETS: Final = "sessionTicketKeysSdsSecretConfig"
_TICKET_BYTES: Final = 80
_END: Final = "-----END CERTIFICATE-----\n"
_EXTENSION: Final = "envoy.extensions.bootstrap.internal_listener.v3.InternalListener"


class Layout:
    """Names the files of a dump, and points resources to each other.

    Args:
        folder: Where they are, as it stands in the files; empty for the current folder.
        format: ``yaml`` or ``json``.
    """

    def __init__(self, folder: str = "", format: Format = "yaml") -> None:  # noqa: A002 - the flag
        self._prefix = f"{folder.rstrip('/') or '/'}/".replace("//", "/") if folder else ""
        self._format = format
        # What the resources so far refer to, and the keys under which they do so.
        self._referred: dict[tuple[TypeUrl, str], str] = {}

    def file(self, kind: str, name: str = "") -> str:
        """Return the name of the file for a type, or for one of its resources, within the dump.

        Args:
            kind: Short name of the type.
            name: The resource's.
        """
        return f"{kind}/{sanitised(name)}.{self._format}" if name else f"{kind}.{self._format}"

    def write(self, document: Json) -> bytes:
        """Format a document."""
        if self._format == "json":
            return orjson.dumps(
                document,
                option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE,
            )
        return yaml.dump(document, Dumper=_Dumper, allow_unicode=True, width=_WIDTH).encode()

    def files(self, resources: Mapping[TypeUrl, Mapping[str, Json]]) -> Iterator[tuple[str, Json]]:
        """Return the files with the resources that the control plane has sent.

        Args:
            resources: Resources as JSON, by type and name; not changed.
        """
        for type_url in TYPES:
            found = [
                (name, self.local(one)) for name, one in sorted(resources.get(type_url, {}).items())
            ]
            kind = short(type_url)
            if type_url in (CDS, LDS):
                yield self.file(kind), _response(type_url, [one for _, one in found])
            else:
                for name, one in found:
                    yield self.file(kind, name), _response(type_url, [one])
        yield f"config.{self._format}", self._bootstrap()

    def certificates(self, certificate: KeyPair) -> Iterator[tuple[str, Json]]:
        """Return the files with a workload's certificate and its root."""
        for name, key in (("default", _CERTIFICATE), ("ROOTCA", _AUTHORITY)):
            secret = _secret(name, key, certificate)
            yield self.file("sds", name), _response(SDS, [secret])

    def stand_ins(self, written: Container[str], throwaway: KeyPair) -> Iterator[tuple[str, Json]]:
        """Return files for what is referred to and was not sent: Envoy starts from no less.

        Args:
            written: Names of the files that there are.
            throwaway: The certificate in secrets; the rest is empty.
        """
        for (type_url, name), key in sorted(self._referred.items()):
            file = self.file(short(type_url), name)
            if file not in written:
                found = [_secret(name, key, throwaway)] if type_url == SDS else []
                yield file, _response(type_url, found, version=STAND_IN)

    def local(self, value: Any, key: str = "") -> Any:
        """Return part of a resource, its references to the control plane replaced by files.

        Args:
            value: The part.
            key: The key that it has.
        """
        if isinstance(value, list):
            return [self.local(one, key) for one in value]
        if not isinstance(value, dict):
            return value
        changed = {own: self.local(one, own) for own, one in value.items()}
        name = changed.get("name")
        if isinstance(name, str) and name:
            if "sdsConfig" in changed:
                changed["sdsConfig"] = self._source(changed["sdsConfig"], SDS, name, key)
            if "edsClusterConfig" in changed:
                changed["edsClusterConfig"] = self._endpoints(changed["edsClusterConfig"], name)
            if "configDiscovery" in changed:
                discovery = changed["configDiscovery"]
                source = self._source(discovery.get("configSource"), ECDS, name)
                changed["configDiscovery"] = {**discovery, "configSource": source}
        match changed:
            case {"rds": {"routeConfigName": str(route)} as rds}:
                source = self._source(rds.get("configSource"), RDS, route)
                changed["rds"] = {**rds, "configSource": source}
        return changed

    def _endpoints(self, config: Json, cluster: str) -> Json:
        name = config.get("serviceName") or cluster
        return {**config, "edsConfig": self._source(config.get("edsConfig"), EDS, name)}

    def _source(self, source: Json | None, type_url: TypeUrl, name: str, key: str = "") -> Json:
        if source and ("path" in source or "pathConfigSource" in source):
            return source  # It is one of the proxy's own files already.
        self._referred.setdefault((type_url, name), key)
        return {"path": self._prefix + self.file(short(type_url), name)}

    def _bootstrap(self) -> Json:
        return {
            "node": {"id": "node", "cluster": "envoy"},
            "admin": {
                "accessLog": [
                    {
                        "name": "envoy.access_loggers.file",
                        "typedConfig": {
                            "@type": f"{PREFIX}envoy.extensions.access_loggers.file.v3."
                            "FileAccessLog",
                            "path": "/dev/stdout",
                        },
                    }
                ],
                "address": {"socketAddress": {"address": _ALL, "portValue": 15000}},
            },
            "bootstrapExtensions": [
                {
                    "name": "envoy.bootstrap.internal_listener",
                    "typedConfig": {"@type": PREFIX + _EXTENSION},
                }
            ],
            "dynamicResources": {
                "cdsConfig": {"path": self._prefix + self.file("cds")},
                "ldsConfig": {"path": self._prefix + self.file("lds")},
            },
        }


def sanitised(name: str) -> str:
    """Return the file name for a resource's name, as pilot-load does.

    >>> sanitised("outbound|80||a.mesh.svc")
    'outbound_.80_._.a.mesh.svc'
    """
    return name.replace("|", "_.").replace("/", "__.").replace("\0", "")


def _response(type_url: TypeUrl, resources: Sequence[Json], *, version: str = "0") -> Json:
    return {"resources": list(resources), "typeUrl": type_url, "versionInfo": version}


def _secret(name: str, key: str, pair: KeyPair) -> Json:
    """Return a secret of the kind that is meant by the key of a reference to it."""
    secret: Json = {"@type": SDS, "name": name}
    if key == _CERTIFICATE:
        chain, private = _inline(pair.chain), _inline(pair.key)
        return {**secret, "tlsCertificate": {"certificateChain": chain, "privateKey": private}}
    if key == _AUTHORITY:
        root = f"{pair.chain.decode().split(_END)[-2]}{_END}".lstrip()
        return {**secret, "validationContext": {"trustedCa": _inline(root.encode())}}
    if key == _TICKETS:
        return {**secret, "sessionTicketKeys": {"keys": [_inline(pair.key[:_TICKET_BYTES])]}}
    return {**secret, "genericSecret": {"secret": _inline(pair.key)}}


def _inline(data: bytes) -> Json:
    return {"inlineBytes": base64.b64encode(data).decode()}


class _Dumper(yaml.CSafeDumper):
    """Writes each occurrence of a document's parts in full, as Envoy reads no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True
