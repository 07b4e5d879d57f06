"""``docs/permissions.md``: the rights of each command, from their table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.harness.rights import RIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.harness.rights import Right

_HEAD: Final = """\
# Permissions

<!-- Written by docs/write.py from pyload/harness/rights.py; change that. -->

What the account that pyload runs as has to be allowed at the API server. `pyload doctor --for
COMMAND` asks the server for each of these, and names those that are missing. As manifests, with a
service account that has no other rights: `docs/deploy/rbac/COMMAND.yaml`, such as
`docs/deploy/rbac/cluster-kwok.yaml` for `cluster --cluster-type kwok`.

A right with a condition is needed for that only; without it, a run warns, or does without. Kinds of
[templates](templates.md) that are not listed need `get`, `patch` and `delete`. With `--embedded` no
rights are needed.
"""


def files() -> dict[str, str]:
    """Return the page's text by its path below docs."""
    return {"permissions.md": "\n".join(_lines()) + "\n"}


def _lines() -> Iterator[str]:
    yield _HEAD
    for command in sorted(RIGHTS):
        yield f"## {command}"
        yield ""
        yield "| resource | verbs | namespace | only for |"
        yield "|---|---|---|---|"
        rows: dict[tuple[str, str, str], list[Right]] = {}
        for right in RIGHTS[command]:
            key = ", ".join(right.verbs), right.namespace, right.when
            rows.setdefault(key, []).append(right)
        for (verbs, namespace, when), rights in rows.items():
            names = ", ".join(f"`{right.name}`" for right in rights)
            yield f"| {names} | {verbs} | {namespace or 'all'} | {when} |"
        yield ""
