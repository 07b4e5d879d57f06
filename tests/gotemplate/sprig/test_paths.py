"""Paths.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest

from tests.gotemplate.sprig.support import render

OUTPUTS = (
    ('{{base ""}}', "."),
    ('{{base "/"}}', "/"),
    ('{{base "a//"}}', "a"),
    ('{{dir ""}}', "."),
    ('{{dir "/"}}', "/"),
    ('{{dir "a/b/"}}', "a/b"),
    ('{{dir "a/../../b"}}', ".."),
    ('{{clean ""}}', "."),
    ('{{clean "/../a//b/./c/.."}}', "/a/b"),
    ('{{ext "a/b.c/d"}}', ""),
    ('{{ext ".bashrc"}}', ".bashrc"),
    ('{{ext "a."}}', "."),
    ('{{osBase "/x/y"}}', "y"),
    ('{{osDir ""}}', "."),
    ('{{osClean "//a"}}', "/a"),
    ('{{osDir "//a"}}', "/"),
    ('{{osExt "a.b"}}', ".b"),
    ('{{osIsAbs "/"}}', "true"),
    ('{{isAbs ""}}', "false"),
    ('{{clean "../../a"}}', "../../a"),
    ('{{clean "a/.."}}', "."),
    ('{{dir "a"}}', "."),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_paths_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break templates that take a file name apart."""
    assert render(template) == expected
