"""Two dumps, and what tells them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.commands.diff import read_dump, run_diff
from pyload.commands.dump.envoy_files import STAND_IN, Layout
from pyload.errors import UsageError
from pyload.xds.types import PREFIX, SDS

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.commands.dump.envoy_files import Format
    from pyload.xds.types import TypeUrl


def test_a_folder_that_is_no_dump(tmp_path: Path) -> None:
    """Two wrong names must not be said to be equal."""
    with pytest.raises(UsageError, match="holds no dump"):
        run_diff(tmp_path, tmp_path)


CLUSTER = {"@type": f"{PREFIX}envoy.config.cluster.v3.Cluster", "name": "a", "lbPolicy": "RANDOM"}
SECRET = {"@type": SDS, "name": "default", "tlsCertificate": {}}


def write_dump(
    folder: Path, *resources: dict[str, Any], kind: Format = "yaml", place: str = ""
) -> Path:
    """Write a dump of clusters and secrets, as `pyload dump --out` does."""
    layout = Layout(place or str(folder), kind)
    by_type: dict[TypeUrl, dict[str, Any]] = {}
    for one in resources:
        by_type.setdefault(one["@type"], {})[one["name"]] = one
    for name, document in layout.files(by_type):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(layout.write(document))
    return folder


def test_the_same_configuration_is_the_same_in_another_format_and_folder(tmp_path: Path) -> None:
    """Each reference to a file would be a difference, and the real ones be lost among them."""
    found = {**CLUSTER, "edsClusterConfig": {}}
    before = write_dump(tmp_path / "a", found)
    after = write_dump(tmp_path / "b", found, kind="json", place="elsewhere/dump")

    assert read_dump(before) == read_dump(after)
    difference = run_diff(before, after)
    assert not difference
    assert difference.same == 1


def test_what_was_added_removed_and_changed(tmp_path: Path) -> None:
    """Scripts read these lines: the sign, the type and the name, and the change below it."""
    before = write_dump(tmp_path / "a", CLUSTER, {**CLUSTER, "name": "old"})
    after = write_dump(
        tmp_path / "b", {**CLUSTER, "lbPolicy": "RING_HASH"}, {**CLUSTER, "name": "new"}
    )
    difference = run_diff(before, after)

    assert list(difference.lines()) == [
        "~ cds a",
        "    @@ -1,3 +1,3 @@",
        f"     '@type': {CLUSTER['@type']}",
        "    -lbPolicy: RANDOM",
        "    +lbPolicy: RING_HASH",
        "     name: a",
        "+ cds new",
        "- cds old",
        "1 added, 1 removed, 1 changed, 0 the same",
    ]
    assert difference


def test_the_certificate_of_the_proxy_itself_is_no_difference(tmp_path: Path) -> None:
    """It is signed anew for each dump; two dumps over TLS would never be equal."""
    before = write_dump(tmp_path / "a", CLUSTER, SECRET)
    after = write_dump(tmp_path / "b", CLUSTER, {**SECRET, "tlsCertificate": {"x": 1}})

    assert not run_diff(before, after)


def test_what_stands_for_a_secret_is_no_difference(tmp_path: Path) -> None:
    """Without TLS, each dump has another throw-away certificate."""
    before, after = (write_dump(tmp_path / name, CLUSTER) for name in "ab")
    for folder, key in ((before, "x"), (after, "y")):
        secret = {"@type": SDS, "name": "kubernetes://web", "genericSecret": {"secret": key}}
        document = {"resources": [secret], "typeUrl": SDS, "versionInfo": STAND_IN}
        (folder / "sds").mkdir()
        (folder / "sds" / "web.yaml").write_bytes(Layout().write(document))

    assert not run_diff(before, after)


@pytest.mark.parametrize(("name", "text"), [("x.yaml", "a: [\nb"), ("x.json", "{")])
def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, name: str, text: str) -> None:
    """A parser's report of five lines, without the file, tells nobody where to look."""
    folder = write_dump(tmp_path / "a", CLUSTER)
    (folder / name).write_text(text)
    with pytest.raises(UsageError) as raised:
        read_dump(folder)

    assert str(raised.value).startswith(f"{folder / name} cannot be read: ")
    assert "\n" not in str(raised.value)


def test_files_of_something_else_are_passed_over(tmp_path: Path) -> None:
    """People keep notes and manifests beside a dump."""
    folder = write_dump(tmp_path / "a", CLUSTER)
    (folder / "list.yaml").write_text("[1, 2]")
    (folder / "object.yaml").write_text("kind: Pod\nresources: [7]\n")

    assert [name for _, name in read_dump(folder)] == ["a"]
