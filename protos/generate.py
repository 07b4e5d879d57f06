"""Generates pyload/xds/wire from the .proto files here; ``--check`` compares instead.

Needs grpcio-tools and mypy-protobuf in the versions of the dependency group ``protos``.
"""

from __future__ import annotations

import argparse
import importlib.resources
import sys
import sysconfig
import tempfile
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).parent
ROOT = PROTOS.parent
WIRE = Path("pyload/xds/wire")


def generate(target: Path) -> None:
    """Write the generated modules and stubs of every .proto file below a folder.

    Raises:
        SystemExit: protoc refused a file; it has said why on stderr.
    """
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    includes = importlib.resources.files("grpc_tools").joinpath("_proto")
    # Beside this interpreter, which need not be on the PATH.
    plugin = Path(sysconfig.get_path("scripts"), "protoc-gen-mypy")
    failed = protoc.main(
        [
            "protoc",
            f"--plugin=protoc-gen-mypy={plugin}",
            f"-I{PROTOS}",
            f"-I{includes}",
            f"--python_out={target}",
            f"--mypy_out=quiet:{target}",
            *sources,
        ]
    )
    if failed:
        raise SystemExit(f"protoc failed with status {failed}")


def differences(one: Path, other: Path) -> list[str]:
    """Name the generated files that two trees do not have alike, relative to the project."""
    names = {
        path.relative_to(tree)
        for tree in (one, other)
        for path in (tree / WIRE).glob("*_pb2.py*")
        if path.suffix in {".py", ".pyi"}
    }
    return sorted(str(name) for name in names if _read(one / name) != _read(other / name))


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def main(arguments: list[str]) -> int:
    """Run the script.

    Returns:
        Its exit status: 1 when ``--check`` found files that differ.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if not parser.parse_args(arguments).check:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        different = differences(ROOT, Path(folder))
    for name in different:
        sys.stderr.write(f"{name} differs; run python protos/generate.py\n")
    return 1 if different else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
