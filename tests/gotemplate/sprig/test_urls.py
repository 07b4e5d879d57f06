"""URLs, taken apart and put together.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest

from tests.gotemplate.sprig.support import failure, render

OUTPUTS = (
    (
        (
            '{{urlJoin (dict "scheme" "http" "host" "h:80" "path" "p q" "'
            'query" "a=b c" "fragment" "f g" "userinfo" "u:p@x")}}'
        ),
        "http://u:p%40x@h:80/p%20q?a=b c#f%20g",
    ),
    ('{{urlJoin (dict "host" "h" "path" "p")}}', "//h/p"),
    ('{{urlJoin (dict "path" "a:b")}}', "./a:b"),
    ('{{urlJoin (dict "scheme" "mailto" "opaque" "x@y")}}', "mailto:x@y"),
    ("{{urlJoin dict}}", ""),
    ('{{urlJoin (dict "scheme" "x" "path" "p")}}', "x://p"),
    ('{{urlJoin (dict "userinfo" "u")}}', "//u@"),
    ('{{urlJoin (dict "scheme" "s")}}', "s:"),
    ('{{urlJoin (dict "host" "h" "path" "*")}}', "//h/*"),
    ('{{urlJoin (dict "path" "*")}}', "*"),
    ('{{urlJoin (dict "userinfo" "a/b")}}', ""),
    (
        '{{urlParse "http://admin:secret@server.com:8080/api?list=false#anchor" | toJson}}',
        (
            '{"fragment":"anchor","host":"server.com:8080","hostname":"se'
            'rver.com","opaque":"","path":"/api","query":"list=false","sc'
            'heme":"http","userinfo":"admin:secret"}'
        ),
    ),
    (
        '{{urlParse "mailto:x@y.z" | toJson}}',
        (
            '{"fragment":"","host":"","hostname":"","opaque":"x@y.z","pat'
            'h":"","query":"","scheme":"mailto","userinfo":""}'
        ),
    ),
    (
        '{{urlParse "//h/p%20q" | toJson}}',
        (
            '{"fragment":"","host":"h","hostname":"h","opaque":"","path":'
            '"/p q","query":"","scheme":"","userinfo":""}'
        ),
    ),
    (
        '{{urlParse "http://[::1]:80/" | toJson}}',
        (
            '{"fragment":"","host":"[::1]:80","hostname":"::1","opaque":"'
            '","path":"/","query":"","scheme":"http","userinfo":""}'
        ),
    ),
    ('{{urlJoin (urlParse "https://u:p@h.com/a%2Fb?q=1#f")}}', "https://u:p@h.com/a/b?q=1#f"),
)
FAILURES = (
    (
        '{{urlJoin (dict "scheme" 1)}}',
        "unable to parse scheme key, must be of type string, but int found",
    ),
    (
        '{{urlJoin (dict "scheme" nil)}}',
        "runtime error: invalid memory address or nil pointer dereference",
    ),
    (
        '{{urlJoin (dict "userinfo" "a%zz")}}',
        'unable to parse userinfo in dict: parse "proto://a%zz@host": invalid URL escape "%zz"',
    ),
    (
        '{{urlParse "http://h:x"}}',
        'unable to parse url: parse "http://h:x": invalid port ":x" after host',
    ),
    (
        '{{urlParse "a b:c" | toJson}}',
        'unable to parse url: parse "a b:c": first path segment in URL cannot contain colon',
    ),
    ('{{urlParse ":x"}}', 'unable to parse url: parse ":x": missing protocol scheme'),
    (
        '{{urlParse "http://h/%zz"}}',
        'unable to parse url: parse "http://h/%zz": invalid URL escape "%zz"',
    ),
    (
        '{{urlParse "http://a b/"}}',
        'unable to parse url: parse "http://a b/": invalid character " " in host name',
    ),
    (
        '{{urlParse "http://[1.2.3.4]/"}}',
        'unable to parse url: parse "http://[1.2.3.4]/": invalid IP-literal',
    ),
    (
        '{{urlParse "http://[::1"}}',
        "unable to parse url: parse \"http://[::1\": missing ']' in host",
    ),
    (
        '{{urlParse "http://h:x/"}}',
        'unable to parse url: parse "http://h:x/": invalid port ":x" after host',
    ),
    (
        '{{urlParse "http://u^@h/"}}',
        'unable to parse url: parse "http://u^@h/": net/url: invalid userinfo',
    ),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_urls_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break templates that take a URL apart."""
    assert render(template) == expected


@pytest.mark.parametrize(("template", "expected"), FAILURES)
def test_urls_fail_as_sprig_fails(template: str, expected: str) -> None:
    """Another error, or none, would hide a mistake from its author."""
    assert failure(template) == expected
