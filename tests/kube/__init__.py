"""Tests of `pyload.kube`."""
