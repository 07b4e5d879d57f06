"""Whole meshes: recorded ones, ones whose configuration changes, and any sequence of requests."""
