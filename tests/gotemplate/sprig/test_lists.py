"""Lists: what sprig answers for them, and what it refuses.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest

from tests.gotemplate.sprig.support import failure, render

OUTPUTS = (
    ("{{int (list 1)}}", "0"),
    ("{{chunk -1 (list 1 2)}}", "[]"),
    ("{{chunk 2 (list 1 2 3)}}", "[[1 2] [3]]"),
    ("{{chunk 2 list}}", "[]"),
    ("{{typeOf (chunk 2 (list 1))}}", "[][]interface {}"),
    ("{{slice list}}", "<no value>"),
    ('{{slice (splitList "," "a,b,c") 1 | typeOf}}', "[]string"),
    ("{{slice (list 1 2 3)}}", "[1 2 3]"),
    ("{{slice (list 1 2 3) 1 2}}", "[2]"),
    ("{{rest list | toJson}}", "null"),
    ("{{concat | toJson}}", "null"),
    ("{{list | toJson}}", "[]"),
    ("{{compact list | toJson}}", "[]"),
    ("{{initial list | toJson}}", "null"),
    ("{{reverse list|toJson}}", "[]"),
    ("{{deepEqual (list) (rest list)}}", "false"),
    ("{{has nil (list nil)}}", "true"),
    ("{{has 1 nil}}", "false"),
    ('{{uniq (list 1 1.0 "1" 1 nil nil (list 1) (list 1) true)}}', "[1 1 1 <nil> [1] true]"),
    (
        '{{toJson (list nil true 1.5 1e21 "<&>" (int64 5))}}',
        '[null,true,1.5,1e+21,"\\u003c\\u0026\\u003e",5]',
    ),
    ("{{without (list 1 2 3) 1 3}}", "[2]"),
    ('{{without (list "a") "a"}}', "[]"),
    ('{{compact (list 0 "" nil 1 "a" list)}}', "[1 a]"),
    ("{{last list}}", "<no value>"),
    ("{{first list}}", "<no value>"),
    ("{{mustLast (list 1)}}", "1"),
    ("{{mustUniq (list 1 1)}}", "[1]"),
    ("{{prepend (list) 1}}", "[1]"),
    ("{{mustReverse (list 1 2)}}", "[2 1]"),
    ("{{mustCompact (list 0)}}", "[]"),
    ("{{mustHas 1 (list 1)}}", "true"),
    ("{{mustAppend (list 1) 2}}", "[1 2]"),
    ('{{mustPush (list) "x"}}', "[x]"),
    ("{{mustPrepend (list 1) 2}}", "[2 1]"),
    ("{{mustChunk 2 (list 1 2 3)}}", "[[1 2] [3]]"),
    ("{{mustFirst (list 1 2)}}", "1"),
    ("{{mustInitial (list 1 2)}}", "[1]"),
    ("{{mustRest (list 1 2)}}", "[2]"),
    ("{{mustWithout (list 1 2) 2}}", "[1]"),
    ('{{tuple 1 "a"}}', "[1 a]"),
    ("{{list}}", "[]"),
    ("{{push (list 1) (list 2)}}", "[1 [2]]"),
    ('{{concat (list 1) (splitList "," "a,b") (until 2)}}', "[1 a b 0 1]"),
    ("{{deepEqual (list 1 2) (list 1 2)}}", "true"),
    ('{{printf "%#v %v" (rest list) (concat)}}', "[]interface {}(nil) []"),
    ('{{printf "%#v" (list (regexFindAll "x" "y" -1))}}', "[]interface {}{[]string(nil)}"),
    ("{{eq nil (initial list)}} {{eq nil list}} {{eq (rest list) (concat)}}", "true false true"),
)
FAILURES = (
    ("{{first nil}}", "runtime error: invalid memory address or nil pointer dereference"),
    ('{{first "x"}}', "Cannot find first on type string"),
    ('{{concat "x"}}', "Cannot concat type string as list"),
    ("{{concat nil}}", "runtime error: invalid memory address or nil pointer dereference"),
    ("{{chunk 0 (list 1)}}", "runtime error: makeslice: len out of range"),
    ("{{chunk -1 (list 1 2 3)}}", "runtime error: makeslice: len out of range"),
    ("{{chunk 0 list}}", "runtime error: makeslice: len out of range"),
    ("{{chunk -1 list}}", "runtime error: makeslice: len out of range"),
    ("{{slice (list 1 2 3) 2 9}}", "reflect.Value.Slice: slice index out of bounds"),
    ("{{slice (list 1 2 3) 2 1}}", "reflect.Value.Slice: slice index out of bounds"),
    ("{{slice (list 1 2 3) -1}}", "reflect.Value.Slice: slice index out of bounds"),
    ('{{slice "abc" 1}}', "list should be type of slice or array but string"),
    ('{{mustSlice "abc" 1}}', "list should be type of slice or array but string"),
    ('{{has 4 "x"}}', "Cannot find has on type string"),
    ('{{push "x" 1}}', "Cannot push on type string"),
    ("{{append nil 1}}", "runtime error: invalid memory address or nil pointer dereference"),
    ('{{reverse "x"}}', "Cannot find reverse on type string"),
    ("{{compact 5}}", "Cannot compact on type int"),
    ("{{uniq dict}}", "Cannot find uniq on type map"),
    ("{{without 1}}", "Cannot find without on type int"),
    ("{{rest 1.5}}", "Cannot find rest on type float64"),
    ("{{initial true}}", "Cannot find initial on type bool"),
    ('{{last "x"}}', "Cannot find last on type string"),
    ('{{prepend "x" 1}}', "Cannot prepend on type string"),
    ('{{chunk 1 "x"}}', "Cannot chunk type string"),
    ("{{mustFirst 1}}", "Cannot find first on type int"),
    ("{{mustPush 1 1}}", "Cannot push on type int"),
    ("{{mustChunk 1 1}}", "Cannot chunk type int"),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_lists_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break templates that loop over lists."""
    assert render(template) == expected


@pytest.mark.parametrize(("template", "expected"), FAILURES)
def test_lists_fail_as_sprig_fails(template: str, expected: str) -> None:
    """Another error, or none, would hide a mistake from its author."""
    assert failure(template) == expected
