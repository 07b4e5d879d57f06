"""Kubernetes' rules for names and labels."""

from __future__ import annotations

import re
from typing import Final

from pyload.config.scalar_resolver import quote

MAX_NAME: Final = 63
"""Longest name of a namespace, a Service or a label value."""

_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_QUALIFIED: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_MAX_PREFIX: Final = 253

Complaint = tuple[str, str]
"""A problem and its fix."""


def check_name(
    name: str, *, suffix: int, dots: bool = False, service: bool = False
) -> Complaint | None:
    """Check the prefix of the names of objects.

    Args:
        name: The name as configured.
        suffix: Length of the suffix that objects get.
        dots: Whether dots are allowed, as in the names of nodes.
        service: Whether it names a Service, whose name has to begin with a letter.
    """
    pattern = _SUBDOMAIN if dots else _LABEL
    if not pattern.fullmatch(name):
        allowed = "lower-case letters, digits, `-` and `.`" if dots else (
            "lower-case letters, digits and `-`"
        )  # fmt: skip
        what = f"{quote(name)} cannot be a Kubernetes name"
        return what, f"use {allowed}, with a letter or digit at both ends"
    if service and name[0].isdigit():
        return f"{quote(name)} cannot be the name of a Service", "begin it with a letter"
    if len(name) + suffix > MAX_NAME:
        what = f"the name {quote(name)} has {len(name)} characters"
        if suffix:
            what += f", and objects get {suffix} more as a suffix"
        return what, f"use at most {MAX_NAME - suffix} characters"
    return None


def check_label_key(key: str) -> Complaint | None:
    """Check the key of a Kubernetes label, such as ``example.com/tier``."""
    prefix, slash, name = key.rpartition("/")
    good_prefix = not slash or (len(prefix) <= _MAX_PREFIX and _SUBDOMAIN.fullmatch(prefix))
    if good_prefix and len(name) <= MAX_NAME and _QUALIFIED.fullmatch(name):
        return None
    return (
        f"{quote(key)} cannot be the key of a label",
        f"use at most {MAX_NAME} letters, digits, `-`, `_` and `.`, such as `example.com/tier`",
    )


def check_label_value(value: str) -> Complaint | None:
    """Check the value of a Kubernetes label; it may be empty."""
    if not value or (len(value) <= MAX_NAME and _QUALIFIED.fullmatch(value)):
        return None
    return (
        f"{quote(value)} cannot be the value of a label",
        f"use at most {MAX_NAME} letters, digits, `-`, `_` and `.`",
    )
