"""Maps: reading, changing and merging them.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest

from tests.gotemplate.sprig.support import failure, render

OUTPUTS = (
    ('{{dig "a" "b" "d" (dict "a" (dict "b" 7))}}', "7"),
    ('{{dig "a" "z" "d" (dict "a" (dict "b" 7))}}', "d"),
    ('{{.nested | dig "a" "b" "c" "no"}}', "deep"),
    (
        (
            '{{merge (dict "a" (dict "x" 1) "l" (list 1) "e" "" "z" 5 "m"'
            ' (dict "k" 1)) (dict "a" (dict "x" 2 "y" 3) "l" (list 2 3) "'
            'e" "q" "z" nil "m" "str" "nl" nil "new" (list 1) "nd" (dict '
            '"k" 2))}}'
        ),
        "map[a:map[x:1 y:3] e:q l:[1] m:map[k:1] nd:map[k:2] new:[1] z:5]",
    ),
    (
        (
            '{{mergeOverwrite (dict "a" (dict "x" 1) "l" (list 1) "e" "v"'
            ' "z" 5 "m" (dict "k" 1)) (dict "a" (dict "x" 2 "y" 3) "l" (l'
            'ist) "e" "" "z" nil "m" "str" "nl" nil "new" (list 1) "nd" ('
            'dict "k" 2) "k0" 0)}}'
        ),
        "map[a:map[x:2 y:3] e: k0:0 l:[] m:str nd:map[k:2] new:[1] nl:<nil> z:<nil>]",
    ),
    (
        '{{mergeOverwrite (dict "m" "s" "l" "s") (dict "m" (dict "k" 1) "l" (list 1))}}',
        "map[l:[1] m:map[k:1]]",
    ),
    (
        (
            '{{merge (dict "m" "s" "l" "s" "mm" (dict)) (dict "m" (dict "'
            'k" 1) "l" (list 1) "mm" (dict "q" 1))}}'
        ),
        "map[l:s m:s mm:map[q:1]]",
    ),
    ('{{merge (dict) (dict "l" (list))  | toJson}}', '{"l":[]}'),
    ('{{mergeOverwrite (dict "m" (dict "k" 1)) (dict "m" (dict))}}', "map[m:map[k:1]]"),
    ('{{mergeOverwrite (dict "m" (dict)) (dict "m" "x")}}', "map[m:x]"),
    ('{{deepEqual (dict "a" (list 1)) (dict "a" (list 1))}}', "true"),
    (
        (
            '{{range $k, $v := pick .labels "alpha" "nope"}}{{$k}}={{$v}}'
            '{{end}} {{omit .labels "alpha"}} {{pluck "a" (dict "a" 1) (d'
            'ict "b" 2)}} {{keys .labels | sortAlpha}} {{values (dict "a"'
            " 1)}}"
        ),
        "alpha=2 map[mid:3 zeta:1] [1] [alpha mid zeta] [1]",
    ),
    ('{{dict "a"}}', "map[a:]"),
    ("{{dict 1 2}}", "map[1:2]"),
    ("{{dict}}", "map[]"),
    ("{{empty (dict)}}", "true"),
    ('{{dict "a" 1 "a" 2}}', "map[a:2]"),
    ('{{set .labels "q" 1}}', "map[alpha:2 mid:3 q:1 zeta:1]"),
    ('{{get nil "a"}}', ""),
    ('{{hasKey nil "a"}}', "false"),
    ('{{unset nil "a"}}', "map[]"),
    ('{{hasKey (dict "a" nil) "a"}}', "true"),
    ('{{get (dict "a" 1) "b"}}', ""),
    ('{{unset (dict "a" 1) "a"}}', "map[]"),
    ('{{mustMerge (dict "a" 1) (dict "b" 2)}}', "map[a:1 b:2]"),
    ('{{mustMergeOverwrite (dict "a" 1) (dict "a" 2)}}', "map[a:2]"),
    ('{{keys (dict "b" 1)}}', "[b]"),
    ('{{omit (dict "a" 1 "b" 2) "a" "z"}}', "map[b:2]"),
    ('{{pick (dict "a" 1) "a"}}', "map[a:1]"),
    ('{{pluck "a" (dict "a" 1) (dict "a" 2)}}', "[1 2]"),
    ('{{set (dict) "a" 1}}', "map[a:1]"),
    ('{{hasKey (dict) "a"}}', "false"),
    ('{{deepEqual (dict "a" 1) (dict "a" 2)}}', "false"),
    ('{{unset nil "a" | toJson}} {{omit nil "a" | toJson}}', "null {}"),
    (
        "{{merge nil | toJson}} {{merge nil nil | toJson}} {{merge nil dict | toJson}}",
        "null null {}",
    ),
    ('{{merge .nope (dict "a" 1) | toJson}}', '{"a":1}'),
    ('{{$d := mergeOverwrite nil (dict "a" 1)}}{{set $d "b" 2}}', "map[a:1 b:2]"),
    ('{{eq nil (unset nil "a")}} {{ne nil dict}}', "true true"),
    ('{{deepEqual dict (unset nil "a")}}', "false"),
    ('{{printf "%#v %v" (unset nil "a") (unset nil "a")}}', "map[string]interface {}(nil) map[]"),
)
FAILURES = (
    ("{{dig 1 2 3}}", "interface conversion: interface {} is int, not map[string]interface {}"),
    ("{{dig 1 2 dict}}", "interface conversion: interface {} is int, not string"),
    ('{{dig "a" "d" 3}}', "interface conversion: interface {} is int, not map[string]interface {}"),
    (
        '{{dig "a" "b" "d" (dict "a" 3)}}',
        "interface conversion: interface {} is int, not map[string]interface {}",
    ),
    (
        '{{dig "a" "b" "d" (dict "a" nil)}}',
        "interface conversion: interface {} is nil, not map[string]interface {}",
    ),
    ('{{dig "a" (dict)}}', "dig needs at least three arguments"),
    ('{{set nil "a" 1}}', "assignment to entry in nil map"),
    ('{{set .nope "a" 1}}', "assignment to entry in nil map"),
    ("{{deepCopy nil}}", "reflect: call of reflect.Value.Type on zero Value"),
    ("{{mustDeepCopy nil}}", "reflect: call of reflect.Value.Type on zero Value"),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_dicts_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break templates that keep values in maps."""
    assert render(template) == expected


@pytest.mark.parametrize(("template", "expected"), FAILURES)
def test_dicts_fail_as_sprig_fails(template: str, expected: str) -> None:
    """Another error, or none, would hide a mistake from its author."""
    assert failure(template) == expected


def test_set_and_unset_change_the_map_itself() -> None:
    """Templates collect values in a map; they would lose them."""
    template = '{{$d := dict}}{{$_ := set $d "k" "v"}}{{$d.k}}{{$_ := unset $d "k"}}{{$d}}'
    assert render(template) == "vmap[]"


def test_a_deep_copy_shares_nothing() -> None:
    """A change of the copy would change the application's own values."""
    template = '{{$c := deepCopy .nested}}{{$_ := set $c.a "b" 1}}{{.nested.a.b.c}}'
    assert render(template) == "deep"


def test_a_merged_map_is_the_first_one() -> None:
    """Go merges into the first map; templates rely on it."""
    assert render('{{$d := dict "a" 1}}{{$_ := merge $d (dict "b" 2)}}{{$d}}') == "map[a:1 b:2]"


@pytest.mark.parametrize("call", ["merge $a $b", "mergeOverwrite $a $b", "deepCopy $a"])
def test_maps_that_contain_themselves_end_in_an_error(call: str) -> None:
    """Go's stack overflows there; here the render must not take the program with it."""
    template = (
        '{{$a := dict}}{{$_ := set $a "a" $a}}{{$b := dict}}{{$_ := set $b "a" $b}}{{' + call + "}}"
    )
    assert "levels" in failure(template)
