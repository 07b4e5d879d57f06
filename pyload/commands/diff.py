"""``pyload diff``: the differences between two dumps, resource by resource."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
import yaml

from pyload.commands.dump.envoy_files import STAND_IN
from pyload.errors import UsageError
from pyload.xds.types import SDS, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NAMES: Final = ("name", "clusterName")
_OWN: Final = (short(SDS), "default")
"""The workload's own certificate, which is another one in each dump."""

_CONTEXT: Final = 3

Key = tuple[str, str]


@dataclass(slots=True)
class Difference:
    """How two dumps differ.

    Attributes:
        added: Resources of the second alone, as short type and name.
        removed: Resources of the first alone.
        changed: Resources of both, with the lines that tell one from the other.
        same: Number of equal resources.
    """

    added: list[Key] = field(default_factory=list)
    removed: list[Key] = field(default_factory=list)
    changed: dict[Key, list[str]] = field(default_factory=dict)
    same: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def lines(self) -> Iterator[str]:
        """Format the differences: a line for each resource, and its changes below it."""
        signs = {
            **dict.fromkeys(self.removed, "-"),
            **dict.fromkeys(self.added, "+"),
            **dict.fromkeys(self.changed, "~"),
        }
        for kind, name in sorted(signs):
            yield f"{signs[kind, name]} {kind} {name}"
            for line in self.changed.get((kind, name), ()):
                yield f"    {line}"
        yield (
            f"{len(self.added)} added, {len(self.removed)} removed, {len(self.changed)} changed, "
            f"{self.same} the same"
        )


def compare(before: Mapping[Key, Any], after: Mapping[Key, Any]) -> Difference:
    """Compare the resources of two dumps."""
    found = Difference()
    for key in sorted(before.keys() | after.keys()):
        if key not in after:
            found.removed.append(key)
        elif key not in before:
            found.added.append(key)
        elif before[key] == after[key]:
            found.same += 1
        else:
            found.changed[key] = _unified(before[key], after[key])
    return found


def read_dump(folder: Path) -> dict[Key, Any]:
    """Read the resources of a dump, in YAML or JSON.

    The paths by which they refer to each other are taken relative to the folder, so that the same
    configuration is the same wherever it was written; the workload's own certificate is left out,
    and so is what stands for what the control plane has not sent.

    Raises:
        UsageError: The folder is no dump.
    """
    files = sorted(
        path
        for pattern in ("*.yaml", "*.json", "*/*.yaml", "*/*.json")
        for path in folder.glob(pattern)
    )
    read = {path: _read(path) for path in files}
    config = next((one for path, one in read.items() if path.stem == "config"), None)
    if not isinstance(config, dict):
        raise UsageError(f"{folder} holds no dump", fix="make one with `pyload dump --out DIR`")
    prefix = _prefix(config)
    resources: dict[Key, Any] = {}
    for document in read.values():
        if isinstance(document, dict) and document.get("versionInfo") == STAND_IN:
            continue
        for resource in _resources_of(document):
            key = short(resource.get("@type", "")), _name_of(resource)
            if key != _OWN:
                resources[key] = _relative(resource, prefix)
    return resources


def _read(path: Path) -> Any:
    try:
        text = path.read_bytes()
        if path.suffix == ".json":
            return orjson.loads(text)
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe one
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (orjson.JSONDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())}") from error


def _resources_of(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        yield from (one for one in document.get("resources") or () if isinstance(one, dict))


def _name_of(resource: Mapping[str, Any]) -> str:
    return next((str(resource[name]) for name in _NAMES if name in resource), "")


def _prefix(config: Mapping[str, Any]) -> str:
    """Return the folder before the paths in a dump, read from its bootstrap."""
    match config:
        case {"dynamicResources": {"cdsConfig": {"path": str(path)}}}:
            return path.rpartition("cds.")[0]
    return ""


def _relative(value: Any, prefix: str) -> Any:
    if isinstance(value, list):
        return [_relative(one, prefix) for one in value]
    if not isinstance(value, dict):
        return value
    changed = {key: _relative(one, prefix) for key, one in value.items()}
    match changed:
        case {"path": str(path)} if len(changed) == 1:
            return {"path": path.removeprefix(prefix).removesuffix(".yaml").removesuffix(".json")}
    return changed


def _unified(before: Any, after: Any) -> list[str]:
    old, new = (
        yaml.safe_dump(one, allow_unicode=True, width=1 << 20).splitlines()
        for one in (before, after)
    )
    return list(difflib.unified_diff(old, new, n=_CONTEXT, lineterm=""))[2:]


def run_diff(before: Path, after: Path) -> Difference:
    """Compare two dumps.

    Raises:
        UsageError: A folder is no dump.
    """
    return compare(read_dump(before), read_dump(after))
