"""Sphinx configuration."""

from __future__ import annotations

project = "pyload"
copyright = "The pyload authors"  # noqa: A001 - Sphinx' name
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "pyload"
myst_heading_anchors = 3
