"""The rules of the house that no linter knows: names, prose, and where things stand."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG: Final = 100
"""Lines from which on a module has a test file of its own."""

STORIES: Final = frozenset({"bench", "e2e", "scenarios"})
"""Folders of tests that are about more than one module."""

ABOUT_THE_TREE: Final = frozenset(
    {"test_bench.py", "test_docs.py", "test_house.py", "test_readme.py"}
)
"""Tests of what is not a module of the package."""


@cache
def sources() -> tuple[Path, ...]:
    """Return every module of the package that people write."""
    return tuple(path for path in (ROOT / "pyload").rglob("*.py") if path.parent.name != "wire")


@cache
def written() -> tuple[Path, ...]:
    """Return every Python file that people write, tests and scripts included."""
    tests = (ROOT / "tests").rglob("*.py")
    return (*sources(), *tests, *(ROOT / "docs").rglob("*.py"), *(ROOT / "protos").glob("*.py"))


def prose() -> Iterator[Path]:
    """Yield every file in which people read sentences."""
    yield from written()
    for pattern in ("*.md", "docs/**/*.md", "docs/**/*.yaml"):
        yield from ROOT.glob(pattern)


def name(path: Path) -> str:
    """Return a path as it is said: from the root of the checkout on."""
    return path.relative_to(ROOT).as_posix()


def test_docstrings_begin_with_a_verb_that_engineers_expect() -> None:
    """Whoever reads "Give the name" wonders to whom; "Return the name" is what the code does."""
    private = re.compile(r'^\s*r?"""((?:Give|Take|Tell|Say)s?\b.*)', re.MULTILINE)
    found = [
        f"{name(path)}: {start}"
        for path in written()
        for start in private.findall(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_nothing_cites_a_page_that_is_not_here() -> None:
    """A reader cannot look up a section of a document that the repository does not have."""
    cited = "contract " + "\N{SECTION SIGN}"
    found = [name(path) for path in prose() if cited in path.read_text(encoding="utf-8")]
    assert not found, "\n".join(found)


def test_a_kubernetes_object_is_defined_once() -> None:
    """A change of the type would have to be made in every module that has its own."""
    alias = re.compile(r"^\s*(type )?Obj(: TypeAlias)? = ", re.MULTILINE)
    found = [name(path) for path in written() if alias.search(path.read_text(encoding="utf-8"))]
    assert found == ["pyload/kube/resources.py"]


def test_each_long_module_has_a_test_file_of_its_name() -> None:
    """Who changes a module looks for its tests under its name, and adds theirs there."""
    missing = []
    for path in sources():
        inside = path.relative_to(ROOT / "pyload")
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines >= LONG and not (ROOT / "tests" / inside.with_name(f"test_{path.name}")).exists():
            missing.append(f"{name(path)}: {lines} lines")
    assert not missing, "\n".join(sorted(missing))


def test_each_test_file_has_a_source_of_its_name() -> None:
    """A test file whose module is gone or renamed is looked for in vain."""
    orphans = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        inside = path.relative_to(ROOT / "tests")
        if STORIES & set(inside.parts) or path.name in ABOUT_THE_TREE:
            continue
        module = inside.with_name(path.name.removeprefix("test_"))
        if not any((root / module).exists() for root in (ROOT / "pyload", ROOT / "tests")):
            orphans.append(name(path))
    assert not orphans, "\n".join(sorted(orphans))


def test_documents_name_modules_that_exist() -> None:
    """A page that sends its reader to a module that has moved is worse than none."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sources()
    } | {"pyload.xds.wire"}
    packages = {module.rpartition(".")[0] for module in modules} | modules

    def known(dotted: str) -> bool:
        # What follows the module may be a name in it.
        return dotted in packages or dotted.rpartition(".")[0] in modules

    lost = []
    for path in prose():
        text = path.read_text(encoding="utf-8")
        dotted = re.findall(r"`(pyload(?:\.[a-z_0-9]+)+)", text)
        files = re.findall(r"`(pyload/[\w/]+(?:\.py)?)/?`", text)
        lost += [f"{name(path)}: {each}" for each in dotted if not known(each)]
        lost += [f"{name(path)}: {each}" for each in files if not (ROOT / each).exists()]
    assert not lost, "\n".join(lost)
