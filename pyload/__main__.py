"""``python -m pyload``."""

from __future__ import annotations

from pyload.cli import main

if __name__ == "__main__":
    main()
