"""Random texts and numbers."""

from __future__ import annotations

import base64
import uuid

import pytest

from tests.gotemplate.sprig.support import failure, render


@pytest.mark.parametrize(
    ("call", "pattern"),
    [
        ("randAlphaNum 500", "^[0-9A-Za-z]{500}$"),
        ("randAlpha 500", "^[A-Za-z]{500}$"),
        ("randNumeric 500", "^[0-9]{500}$"),
        ("randAscii 500", "^[ -z]{500}$"),
        ("randAlpha 0", "^$"),
        ("randAlpha -1", "^$"),
    ],
)
def test_random_texts_are_of_their_alphabet_and_length(call: str, pattern: str) -> None:
    """Names with other characters would be refused by the API server."""
    assert render(f"{{{{{call} | regexMatch `{pattern}`}}}}") == "true"


def test_random_texts_use_their_whole_alphabet() -> None:
    """A text could be guessed more easily than its length says."""
    assert len(set(render("{{randAlphaNum 5000}}"))) == 62
    assert len(set(render("{{randAscii 9000}}"))) == 91


def test_random_numbers_are_from_the_lower_bound_on_and_below_the_upper() -> None:
    """A port or weight would be out of range now and then."""
    numbers = render("{{range until 300}}{{randInt -2 2}} {{end}}").split()
    assert set(numbers) == {"-2", "-1", "0", "1"}


@pytest.mark.parametrize("bounds", ["5 5", "6 5"])
def test_a_range_without_numbers_is_an_error(bounds: str) -> None:
    """The template would get a number that it excluded."""
    assert failure(f"{{{{randInt {bounds}}}}}") == "invalid argument to Intn"


def test_random_bytes_are_as_many_as_were_asked_for() -> None:
    """A key would be too short."""
    assert len(base64.b64decode(render("{{randBytes 33}}"))) == 33
    assert render("{{randBytes 0}}") == ""
    assert failure("{{randBytes -1}}") == "runtime error: makeslice: len out of range"


def test_a_shuffled_text_has_the_same_characters() -> None:
    """Characters would be lost."""
    shuffled = render('{{shuffle "abcdefghijklé"}}')
    assert sorted(shuffled) == sorted("abcdefghijklé")
    assert shuffled != "abcdefghijklé"


def test_a_uuid_is_one_of_version_four() -> None:
    """Programs that check it would refuse it."""
    identifier = uuid.UUID(render("{{uuidv4}}"))
    assert (identifier.version, identifier.variant) == (4, uuid.RFC_4122)


@pytest.mark.parametrize("call", ["randAlpha 9", "uuidv4", "randInt 0 1000000", "randBytes 9"])
def test_chance_comes_from_the_surroundings(call: str) -> None:
    """A render that should be repeatable would differ."""
    template = f"{{{{{call}}}}}"
    assert render(template, seed=1) == render(template, seed=1)
    assert render(template, seed=1) != render(template, seed=2)


@pytest.mark.parametrize("call", ["randAlpha 9999999", "randBytes 99999999"])
def test_too_long_a_random_text_is_refused(call: str) -> None:
    """A typing error would take the program's time or memory."""
    assert "characters" in failure(f"{{{{{call}}}}}")
