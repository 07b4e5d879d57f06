"""Tests of formats whose output no recording can hold."""

from __future__ import annotations

from pyload.gotemplate.printf import sprintf


def test_addresses_are_hexadecimal() -> None:
    """``%p`` of a list would not look like an address."""
    values = [1, 2]
    assert sprintf("%p", [values]) == f"{id(values):#x}"
    assert sprintf("%#p|%24p", [values, values]) == f"{id(values):x}|{id(values):#24x}"


def test_a_width_may_be_missing() -> None:
    """A star without an argument would end the rendering."""
    assert sprintf("%*d|%.*d", []) == "%!(BADWIDTH)%!d(MISSING)|%!(BADPREC)%!d(MISSING)"


def test_only_some_values_have_an_address() -> None:
    """``%p`` of a number would show one all the same."""
    assert sprintf("%p %p %p", [1, "a", None]) == "%!p(int=1) %!p(string=a) %!p(<nil>)"
