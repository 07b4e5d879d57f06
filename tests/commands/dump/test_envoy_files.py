"""The files of a dump, and how they refer to each other."""

from __future__ import annotations

from pyload.commands.dump.envoy_files import Layout


def test_references_lead_to_files() -> None:
    """Extensions inside HTTP filters and of listeners too, which pilot-load dropped."""
    layout = Layout("out/")
    source = {"configSource": {"ads": {}}, "typeUrls": ["t"]}
    filters = [{"name": "a/b", "configDiscovery": source}]
    found = layout.local(
        {"name": "l", "listenerFilters": filters, "deep": [{"httpFilters": filters}]}
    )

    discovery = found["deep"][0]["httpFilters"][0]["configDiscovery"]
    assert discovery == {"configSource": {"path": "out/ecds/a__.b.yaml"}, "typeUrls": ["t"]}
    assert found["listenerFilters"][0]["configDiscovery"] == discovery
    kept = {"name": "s", "sdsConfig": {"path": "/etc/own.yaml"}}
    assert layout.local(kept) == kept
