"""Tests of `pyload.embedded.apiserver.access`."""
