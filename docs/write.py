"""Writes what of the documentation is made from the code; ``--check`` only compares."""  # noqa: INP001

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from pages import app_types, commands, metrics, rbac, results, rights, schemas, wings

_DOCS = Path(__file__).parent
_PAGES = [app_types, commands, metrics, rbac, results, rights, schemas, wings]

if HAS_GRAFANA_SDK := find_spec("grafana_foundation_sdk") is not None:
    from pages.grafana import dashboard

    _PAGES.append(dashboard)


def stale() -> dict[Path, str]:
    """Return what the files that no longer fit the code should hold."""
    made = {}
    for page in _PAGES:
        made |= {_DOCS / path: text for path, text in page.files().items()}
    return {
        path: text
        for path, text in made.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def main() -> int:
    """Write the files that are stale, or name them."""
    found = stale()
    check = sys.argv[1:] == ["--check"]
    if not HAS_GRAFANA_SDK:
        sys.stderr.write("without grafana-foundation-sdk docs/deploy/grafana stays as it is\n")
    for path, text in found.items():
        if check:
            sys.stderr.write(f"{path} is stale; run docs/write.py\n")
        else:
            path.write_text(text, encoding="utf-8")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
