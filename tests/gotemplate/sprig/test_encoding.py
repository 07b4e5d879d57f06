"""Base64, base32 and check sums.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gotemplate.sprig.support import render

OUTPUTS = (
    ('{{b64enc "é"}}', "w6k="),
    ('{{b32enc "hello"}}', "NBSWY3DP"),
    ('{{b32dec "NBSWY3DP"}}', "hello"),
    ('{{b64dec "!"}}', "illegal base64 data at input byte 0"),
    ('{{b32dec "1"}}', "illegal base32 data at input byte 0"),
    ('{{sha512sum "a" | trunc 8}}', "1f40fc92"),
    ('{{sha1sum ""}}', "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ('{{adler32sum ""}}', "1"),
    ('{{adler32sum "hello"}}', "103547413"),
    ('{{sha256sum "é"}}', "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"),
    (
        '{{sha512sum ""}}',
        (
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36c"
            "e9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327a"
            "f927da3e"
        ),
    ),
    ('{{b32dec "NBSWY3DPEB3W64TMMQ======"}}', "hello world"),
    ('{{b64dec "aGVsbG8"}}', "illegal base64 data at input byte 4"),
    ('{{b64dec "aGVs\\nbG8="}}', "hello"),
    ('{{b32dec "NBSWY3D"}}', "illegal base32 data at input byte 0"),
    ('{{b64dec "aGVsbG8=="}}', "illegal base64 data at input byte 8"),
    ('{{b64dec "a=bc"}}', "illegal base64 data at input byte 1"),
    ('{{b32dec "NB======X"}}', "h"),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_encoding_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break Secrets that a template fills."""
    assert render(template) == expected


@given(st.text())
def test_what_is_encoded_is_decoded_again(text: str) -> None:
    """A Secret would hold something else than its author wrote."""
    template = "{{.text | b64enc | b64dec}}{{.text | b32enc | b32dec}}"
    assert render(template, text=text) == text * 2


def test_bytes_that_are_no_text_survive() -> None:
    """A key in binary form would be damaged between two functions."""
    assert render('{{b64dec "/wD+" | b64enc}}') == "/wD+"
