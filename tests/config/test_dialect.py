"""Tests of finding the dialect of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.config.configs import application, problems, read

if TYPE_CHECKING:
    from pyload.config.model import Dialect


@pytest.mark.parametrize(
    ("text", "dialect", "because"),
    [
        (application("instances: 1"), "classic", "because of `instances` at line 3"),
        (application("PODS: 1"), "current", "because of `pods` at line 3"),
        ("namespaces:\n- istio:\n", "classic", "because of `istio` at line 2"),
        ("jitter: {secrets: 0}", "classic", "because of `secrets` at line 1"),
        ("templates:\n", "current", "because of `templates` at line 1"),
        ("namespaces: [{gracePeriod: 0}]", "current", "because of `gracePeriod` at line 1"),
        ("{}", "classic", "as nothing in the file belongs to only one dialect"),
        ("", "classic", "as the file is empty"),
        ("nodes: []\ndialect: current", "current", "because of `dialect` at line 2"),
        ("dialect: classic", "classic", "because of `dialect` at line 1"),
        ("dialect:", "classic", "as nothing in the file belongs to only one dialect"),
    ],
)
def test_says_which_dialect_and_why(text: str, dialect: Dialect, because: str) -> None:
    """Applications would get the other dialect's default type, and nobody would know why."""
    loaded = read(text)
    assert (loaded.dialect, loaded.reason) == (dialect, f"{dialect} dialect, {because}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            application("pods: 1") + "  - instances: 1\n",
            (
                "f:4:5: `instances` belongs to the classic dialect, and `pods` at line 3 to the "
                "current one; use the keys and types of one of them"
            ),
        ),
        (
            application("instances: 1\n    type: plain") + "  - pods: 1\n  - pods: 2\n",
            (
                "f:5:5: `pods` belongs to the current dialect, and `instances` at line 3 to the "
                "classic one; use the keys and types of one of them"
            ),
        ),
        (
            application("pods: 1") + "  - type: router\n",
            (
                "f:4:11: `type: router` belongs to the classic dialect, and `pods` at line 3 to "
                "the current one; use the keys and types of one of them"
            ),
        ),
        (
            application("pods: 1", before="dialect: classic\n"),
            (
                "f:4:5: key `pods` in an application belongs to the current dialect, and this is "
                "the classic dialect, because of `dialect` at line 1; write `instances`"
            ),
        ),
        (
            "dialect: classic\nnamespaces: [{gracePeriod: 1s}]",
            (
                "f:2:15: key `gracePeriod` in a namespace belongs to the current dialect, and this "
                "is the classic dialect, because of `dialect` at line 1; remove it, or write "
                "`dialect: current`"
            ),
        ),
        (
            application("type: gateway", before="dialect: classic\n"),
            (
                "f:4:11: application type `gateway` does not exist in the classic dialect; "
                "write `router`"
            ),
        ),
        (
            application("type: waypoint", before="dialect: classic\n"),
            (
                "f:4:11: application type `waypoint` does not exist in the classic dialect; "
                "use one of `sidecar`, `plain`, `ambient`, `router`, `external`, `vm`, `ztunnel`"
            ),
        ),
        ("dialect: currant", "f:1:10: unknown dialect `currant`; did you mean `current`?"),
        ("dialect: xyz", "f:1:10: unknown dialect `xyz`; write `classic` or `current`"),
        ("dialect: 5", "f:1:10: `dialect` takes a name; write `classic` or `current`"),
    ],
)
def test_dialects_do_not_mix(text: str, expected: str) -> None:
    """Half of the file would be ignored."""
    assert problems(text) == [expected]


STALE = """\
namespaces:
- applications:
  - pods: 1
  - {type: gateway, gateways: {name: main, kubernetes: true}}
  - istio: {httpRoutes: {}}
"""


@pytest.mark.parametrize("named", ["", "dialect: current\n"])
def test_blocks_of_old_keys_say_nothing_of_the_dialect(named: str) -> None:
    """pilot-load ships a current config with leftovers of the classic dialect, and runs it."""
    loaded = read(named + STALE)
    line = 4 + named.count("\n")
    nothing = "means nothing in an application of the current dialect; remove it"

    assert loaded.dialect == "current"
    assert list(map(str, loaded.warnings)) == [
        f"f:{line}:21: `gateways` with `kubernetes` {nothing}",
        f"f:{line + 1}:5: `istio` with `httpRoutes` {nothing}",
    ]
    assert [str(one) for one in read("istio: {httpRoutes: {}}").warnings] == [
        "f:1:9: `httpRoutes` means nothing in `istio`, in any version of pilot-load; remove it"
    ]
