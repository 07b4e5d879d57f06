"""The files of a dump, and how they refer to each other."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.commands.dump.envoy_files import STAND_IN, Layout
from pyload.commands.dump.throwaway import throwaway_pair
from pyload.key_pair import KeyPair
from pyload.xds.types import CDS, LDS, RDS

if TYPE_CHECKING:
    from pyload.commands.dump.envoy_files import Format


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


CLUSTER = {
    "@type": CDS,
    "name": "outbound|80||a",
    "edsClusterConfig": {"serviceName": "b/c", "edsConfig": {"ads": {}}},
}
LISTENER = {"@type": LDS, "name": "l", "rds": {"routeConfigName": "80", "configSource": {}}}


@pytest.mark.parametrize(
    ("folder", "prefix"),
    [("", ""), ("out", "out/"), ("out/", "out/"), ("/", "/"), ("/a//b/", "/a/b/")],
)
def test_files_are_named_from_the_folder_that_was_given(folder: str, prefix: str) -> None:
    """Envoy would not find them: it resolves each path from where it was started."""
    layout = Layout(folder, "json")
    files = dict(layout.files({CDS: {"x": CLUSTER}, LDS: {"l": LISTENER}, RDS: {"80": {}}}))
    [cluster] = files["cds.json"]["resources"]
    [listener] = files["lds.json"]["resources"]

    assert cluster["edsClusterConfig"]["edsConfig"] == {"path": f"{prefix}eds/b__.c.json"}
    assert listener["rds"]["configSource"] == {"path": f"{prefix}rds/80.json"}
    assert "rds/80.json" in files
    sources = files["config.json"]["dynamicResources"]
    assert {one["path"] for one in sources.values()} == {f"{prefix}cds.json", f"{prefix}lds.json"}


def test_a_dump_of_nothing_still_starts_envoy() -> None:
    """A namespace's Sidecar may leave a proxy nothing; a missing file would stop Envoy."""
    assert [name for name, _ in Layout().files({})] == ["cds.yaml", "lds.yaml", "config.yaml"]


def test_what_was_not_sent_has_a_file_that_envoy_can_start_from() -> None:
    """A path that leads nowhere makes Envoy refuse the whole cluster or listener."""
    ads: dict[str, Any] = {"sdsConfig": {"ads": {}}}
    tls = {
        "tlsCertificateSdsSecretConfigs": [{"name": "kubernetes://a/b", **ads}],
        "combinedValidationContext": {
            "validationContextSdsSecretConfig": {"name": "ROOTCA", **ads}
        },
        "sessionTicketKeysSdsSecretConfig": {"name": "tickets", **ads},
    }
    own = {"name": "own", "sdsConfig": {"path": "/etc/own.yaml"}}
    listener = {**LISTENER, "tls": tls, "oauth": {"hmacSecret": {"name": "hmac", **ads}, "o": own}}
    layout = Layout()
    written = dict(layout.files({CDS: {"x": CLUSTER}, LDS: {"l": listener}, RDS: {"80": {}}}))
    pair = throwaway_pair(datetime(2026, 1, 1, tzinfo=UTC))
    found = dict(layout.stand_ins(written, pair))

    assert {document["versionInfo"] for document in found.values()} == {STAND_IN}
    assert found.pop("eds/b__.c.yaml")["resources"] == []
    secrets = {name: document["resources"][0] for name, document in found.items()}
    assert sorted(secrets) == [
        "sds/ROOTCA.yaml",
        "sds/hmac.yaml",
        "sds/kubernetes:__.__.a__.b.yaml",
        "sds/tickets.yaml",
    ]
    assert "validationContext" in secrets["sds/ROOTCA.yaml"]
    assert "genericSecret" in secrets["sds/hmac.yaml"]
    assert "tlsCertificate" in secrets["sds/kubernetes:__.__.a__.b.yaml"]
    (key,) = secrets["sds/tickets.yaml"]["sessionTicketKeys"]["keys"]
    assert len(base64.b64decode(key["inlineBytes"])) == 80


def test_the_root_is_the_last_certificate_of_the_chain() -> None:
    """With an intermediate for a root, no certificate of the mesh would be trusted."""
    leaf, middle, root = (
        f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----\n" for name in "abc"
    )
    pair = KeyPair(b"key", f"{leaf}{middle}{root}".encode())
    files = dict(Layout().certificates(pair))
    [own] = files["sds/default.yaml"]["resources"]
    [trusted] = files["sds/ROOTCA.yaml"]["resources"]

    def text(source: dict[str, str]) -> bytes:
        return base64.b64decode(source["inlineBytes"])

    assert text(own["tlsCertificate"]["certificateChain"]) == pair.chain
    assert text(own["tlsCertificate"]["privateKey"]) == b"key"
    assert text(trusted["validationContext"]["trustedCa"]) == root.encode()


LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
DOCUMENTS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(max_examples=50)
@given(DOCUMENTS, st.sampled_from(["yaml", "json"]))
def test_what_is_written_says_the_same(document: dict[str, Any], kind: Format) -> None:
    """A name such as `on` or `1.0` would become another value when Envoy reads it."""
    written = Layout("", kind).write(document)

    assert (yaml.safe_load if kind == "yaml" else json.loads)(written) == document


def test_parts_that_are_alike_are_written_in_full() -> None:
    """Envoy's reader of YAML knows no aliases."""
    part = {"ads": {}, "text": "x" * 200}
    written = Layout().write({"a": part, "b": [part, part]}).decode()

    assert not set("&*") & set(written)
    assert written.count("x" * 200) == 3


@given(st.text() | st.sampled_from(["..", "../x", "/etc/x", "a/../../x", "x\0y", "|..|"]))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    """Whoever names a resource could write any file of the user who dumps it."""
    path = PurePosixPath(Layout("out").file("eds", name))

    assert ".." not in path.parts
    assert not path.is_absolute()
    assert len(path.parts) == (2 if name else 1)
    assert "\0" not in str(path)
