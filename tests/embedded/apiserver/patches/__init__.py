"""Tests of `pyload.embedded.apiserver.patches`."""
