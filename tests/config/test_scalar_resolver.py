"""Tests of YAML scalars; the expected values are what Go's sigs.k8s.io/yaml 1.6 gives."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.config.scalar_resolver import ScalarValue, as_text, quote, resolve, resolve_plain


@pytest.mark.parametrize(
    ("written", "value", "text"),
    [
        ("n", False, "false"),
        ("N", False, "false"),
        ("y", True, "true"),
        ("yes", True, "true"),
        ("off", False, "false"),
        ("On", True, "true"),
        ("TRUE", True, "true"),
        ("tRue", "tRue", "tRue"),
        ("null", None, ""),
        ("~", None, ""),
        ("", None, ""),
        ("nULL", "nULL", "nULL"),
        ("12:30", "12:30", "12:30"),
        ("2024-01-02", "2024-01-02", "2024-01-02"),
        ("0123", 83, "83"),
        ("0o17", 15, "15"),
        ("-0x1F", -31, "-31"),
        ("0b101", 5, "5"),
        ("+5", 5, "5"),
        ("1_000", 1000, "1000"),
        ("_1", "_1", "_1"),
        ("08", 8.0, "8"),
        ("0o8", "0o8", "0o8"),
        ("1.", 1.0, "1"),
        (".5", 0.5, "0.5"),
        (".5_0", 0.5, "0.5"),
        (".5_", ".5_", ".5_"),
        ("5e3", 5000.0, "5000"),
        ("1e6", 1e6, "1e+06"),
        ("1234567.0", 1234567.0, "1.234567e+06"),
        ("123456789.5", 123456789.5, "1.2345679e+08"),
        ("0.0001", 0.0001, "0.0001"),
        ("0.00001", 0.00001, "1e-05"),
        ("0.3333333333", 0.3333333333, "0.33333334"),
        ("726.4617393997174", 726.4617393997174, "726.46173"),
        ("-.0", -0.0, "-0"),
        ("3.5e38", 3.5e38, "+Inf"),
        ("-3.5e38", -3.5e38, "-Inf"),
        ("1e-51", 1e-51, "0"),
        (".inf", math.inf, "+Inf"),
        ("-.INF", -math.inf, "-Inf"),
        ("inf", "inf", "inf"),
        ("1e400", "1e400", "1e400"),
        ("18446744073709551615", (1 << 64) - 1, "18446744073709551615"),
        ("-9223372036854775809", -9223372036854775809.0, "-9.223372e+18"),
        ("99999999999999999999", 1e20, "1e+20"),
        ("9" * 5000, "9" * 5000, "9" * 5000),
        ("1.2.3", "1.2.3", "1.2.3"),
        ("0x", "0x", "0x"),
        ("-", "-", "-"),
        ("4s", "4s", "4s"),
        ("=", "=", "="),
    ],
)
def test_unquoted_scalars_mean_what_they_mean_to_go(
    written: str, value: ScalarValue, text: str
) -> None:
    """A config would mean something else than it did to pilot-load."""
    actual = resolve_plain(written)
    assert (actual, type(actual)) == (value, type(value))
    assert as_text(actual) == text


def test_not_a_number_is_written_as_go_does() -> None:
    """A label `.nan` would differ."""
    assert as_text(resolve_plain(".NaN")) == "NaN"


@pytest.mark.parametrize(
    ("written", "tag", "plain", "value"),
    [
        ("n", None, False, "n"),
        ("5", "str", True, "5"),
        ("5", "int", False, 5),
        ("3", "float", True, 3.0),
        ("yes", "bool", False, True),
        ("", "null", False, None),
        ("2024-01-02", "timestamp", True, "2024-01-02"),
    ],
)
def test_quotes_and_tags_decide_first(
    written: str, tag: str | None, plain: object, value: ScalarValue
) -> None:
    """Quoting a value to keep it as text would not help."""
    full = None if tag is None else f"tag:yaml.org,2002:{tag}"
    actual = resolve(written, full, plain=bool(plain))
    assert (actual, type(actual)) == (value, type(value))


@pytest.mark.parametrize(
    ("written", "tag", "message"),
    [
        ("5.5", "int", "`5.5` is not what `!!int` says it is"),
        ("abc", "float", "`abc` is not a number, as `!!float` says it is"),
        ("aGk=", "binary", "`!!binary` is not supported; write the text itself"),
    ],
)
def test_a_tag_that_does_not_fit_is_refused(written: str, tag: str, message: str) -> None:
    """A wrong tag would pass as text."""
    with pytest.raises(ValueError, match="!!") as caught:
        resolve(written, f"tag:yaml.org,2002:{tag}", plain=True)
    assert str(caught.value) == message


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_has_a_text(value: float) -> None:
    """An odd number in nodeMetadata would end in a traceback."""
    text = as_text(value)
    assert text in ("+Inf", "-Inf") or math.isclose(float(text), value, rel_tol=1e-6, abs_tol=2e-45)


def test_text_from_a_file_cannot_disturb_a_terminal() -> None:
    """An escape sequence in a config would be sent to the terminal with the error."""
    assert quote("a\x1b[2Jb") == "`a\\x1b[2Jb`"
    assert quote("x" * 50) == "`" + "x" * 37 + "...`"
