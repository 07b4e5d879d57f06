"""Tests of `pyload.embedded.apiserver.schemas`."""
