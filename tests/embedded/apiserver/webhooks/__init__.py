"""Tests of `pyload.embedded.apiserver.webhooks`."""
