"""Tests of `pyload.embedded.apiserver.printing`."""
