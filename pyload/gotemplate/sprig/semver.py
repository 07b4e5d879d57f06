"""Semantic versions, and constraints on them such as ``^1.2 || >=3.0.0, <4``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from pyload.gotemplate.functions import Failure, Function, by_name
from pyload.gotemplate.quoting import quote
from pyload.gotemplate.values import Object, Uint64

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TAIL: Final = (
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_VERSION: Final = re.compile(rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?{_TAIL}", re.ASCII)
_PART: Final = r"[0-9|xX*]+"
_WANTED: Final = rf"v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?{_TAIL}"
_OPERATOR: Final = r"!=|>=|=>|<=|=<|~>|=|>|<|~|\^|"
_CONSTRAINT: Final = re.compile(rf"\s*({_OPERATOR})\s*({_WANTED})\s*", re.ASCII)
_FIND: Final = re.compile(rf"({_OPERATOR})\s*({_WANTED})", re.ASCII)
_RANGE: Final = re.compile(rf"\s*({_WANTED})\s+-\s+({_WANTED})\s*", re.ASCII)
_SEPARATOR: Final = re.compile(r",\s*|", re.ASCII)
_MAX_VERSION: Final = 256
_MAX_CONSTRAINT: Final = 512
_MAX_GROUPS: Final = 32


@dataclass(frozen=True, slots=True)
class Version(Object):
    """A semantic version.

    Attributes:
        major: Changes that break.
        minor: Additions.
        patch: Repairs.
        prerelease: Behind the hyphen, or empty.
        metadata: Behind the plus sign, or empty; plays no part in the order.
        original: As it was written.
    """

    go_type = "*semver.Version"
    go_kind = "ptr"
    major: int
    minor: int
    patch: int
    prerelease: str = ""
    metadata: str = ""
    original: str = ""

    @property
    def numbers(self) -> tuple[int, int, int]:
        """The three numbers."""
        return self.major, self.minor, self.patch

    def next(self, major: int, minor: int, patch: int) -> Version:
        """A release with other numbers, written with a ``v`` if this is."""
        return _written(Version(major, minor, patch), self)

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        text += f"-{self.prerelease}" if self.prerelease else ""
        return f"{text}+{self.metadata}" if self.metadata else text

    def json_form(self) -> str:
        """What it is in JSON."""
        return str(self)

    methods: ClassVar[Mapping[str, Function]] = {}


def _written(version: Version, like: Version) -> Version:
    prefix = "v" if like.original.startswith("v") else ""
    return replace(version, original=prefix + str(version))


def parse_version(text: str) -> Version:
    """Read a version; minor and patch may be missing, and a ``v`` may come first.

    Raises:
        Failure: It is none.
    """
    if len(text.encode("utf-8", "surrogateescape")) > _MAX_VERSION:
        raise Failure(f"version string is too long (max {_MAX_VERSION} bytes)")
    match = _VERSION.fullmatch(text)
    if match is None:
        raise Failure("invalid semantic version")
    numbers = [_number(match[index] or "0") for index in (1, 2, 3)]
    prerelease, metadata = match[4] or "", match[5] or ""
    _check_prerelease(prerelease)
    return Version(numbers[0], numbers[1], numbers[2], prerelease, metadata, text)


def _number(digits: str) -> int:
    number = int(digits)
    if number >= 1 << 64:
        what = f"strconv.ParseUint: parsing {quote(digits)}: value out of range"
        raise Failure(f"error parsing version segment: {what}")
    return number


def _check_prerelease(text: str) -> None:
    for part in text.split("."):
        if part.isdigit() and len(part) > 1 and part.startswith("0"):
            raise Failure("version segment starts with 0")


def compare(left: Version, right: Version) -> int:
    """Order two versions: -1, 0 or 1."""
    if left.numbers != right.numbers:
        return 1 if left.numbers > right.numbers else -1
    if not left.prerelease or not right.prerelease:
        return bool(right.prerelease) - bool(left.prerelease)
    return _compare_prereleases(left.prerelease, right.prerelease)


def _compare_prereleases(left: str, right: str) -> int:
    ones, others = left.split("."), right.split(".")
    for one, other in zip(ones, others, strict=False):
        if one != other:
            return 1 if _rank(one) > _rank(other) else -1
    return (len(ones) > len(others)) - (len(ones) < len(others))


def _rank(part: str) -> tuple[bool, int, str]:
    """Numbers come before words, which are in the order of their letters."""
    number = part.isdigit() and int(part) < 1 << 64
    return (False, int(part), "") if number else (True, 0, part)


@dataclass(frozen=True, slots=True)
class _Constraint:
    """One comparison; ``fixed`` is how many of the three numbers it names."""

    operator: str
    version: Version
    fixed: int

    def allows(self, version: Version, *, prereleases: bool) -> bool:
        if version.prerelease and not prereleases:
            return False
        return _RULES[self.operator](version, self)


def _not_equal(version: Version, wanted: _Constraint) -> bool:
    if wanted.fixed in (0, 3):
        return compare(version, wanted.version) != 0
    if version.major != wanted.version.major or wanted.fixed == 1:
        return version.major != wanted.version.major
    if version.minor != wanted.version.minor:
        return True
    return version.prerelease != wanted.version.prerelease


def _greater(version: Version, wanted: _Constraint) -> bool:
    if wanted.fixed == 3:
        return compare(version, wanted.version) > 0
    if version.major != wanted.version.major:
        return version.major > wanted.version.major
    if wanted.fixed == 1:
        return False
    if wanted.fixed == 2:
        return version.minor > wanted.version.minor
    return compare(version, wanted.version) > 0


def _at_most(version: Version, wanted: _Constraint) -> bool:
    if wanted.fixed == 3:
        return compare(version, wanted.version) <= 0
    if version.major != wanted.version.major:
        return version.major < wanted.version.major
    return wanted.fixed == 1 or version.minor <= wanted.version.minor


def _tilde(version: Version, wanted: _Constraint) -> bool:
    if compare(version, wanted.version) < 0:
        return False
    if wanted.version.numbers == (0, 0, 0) and wanted.fixed not in (1, 2):
        return True  # a star, or all zeros
    if version.major != wanted.version.major:
        return False
    return wanted.fixed == 1 or version.minor == wanted.version.minor


def _tilde_or_equal(version: Version, wanted: _Constraint) -> bool:
    if wanted.fixed < 3:
        return _tilde(version, wanted)
    return compare(version, wanted.version) == 0


def _caret(version: Version, wanted: _Constraint) -> bool:
    if compare(version, wanted.version) < 0:
        return False
    base = wanted.version
    if base.major > 0 or wanted.fixed == 1:
        return version.major == base.major
    if version.major > 0:
        return False
    if base.minor > 0 or wanted.fixed == 2:
        return version.minor == base.minor
    return version.minor == 0 and version.patch == base.patch


_RULES: Final[dict[str, Callable[[Version, _Constraint], bool]]] = {
    "": _tilde_or_equal,
    "=": _tilde_or_equal,
    "!=": _not_equal,
    ">": _greater,
    "<": lambda version, wanted: compare(version, wanted.version) < 0,
    ">=": lambda version, wanted: compare(version, wanted.version) >= 0,
    "=>": lambda version, wanted: compare(version, wanted.version) >= 0,
    "<=": _at_most,
    "=<": _at_most,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}


def _parse_constraints(text: str) -> list[list[_Constraint]]:
    """Read alternatives, each of comparisons that must all hold."""
    if len(text.encode("utf-8", "surrogateescape")) > _MAX_CONSTRAINT:
        raise Failure(f"constraint string is too long (max {_MAX_CONSTRAINT} bytes)")
    rewritten = _RANGE.sub(lambda match: f">= {match[1]}, <= {match[7]} ", text)
    groups = rewritten.split("||")
    if len(groups) > _MAX_GROUPS:
        raise Failure(f"too many constraint groups (max {_MAX_GROUPS})")
    return [_parse_group(group) for group in groups]


def _parse_group(text: str) -> list[_Constraint]:
    position = 0
    while match := _CONSTRAINT.match(text, position):
        position = match.end()
        if position == len(text):
            return [_constraint(found) for found in _FIND.finditer(text)]
        separator = _SEPARATOR.match(text, position)
        assert separator is not None
        spaced = text[position - 1].isspace()
        if not separator[0] and not spaced:
            break
        position = separator.end()
    raise Failure(f"improper constraint: {quote(text)}")


def _constraint(match: re.Match[str]) -> _Constraint:
    parts = (match[3], match[4], match[5])
    fixed = next((n for n, part in enumerate(parts) if part in (None, "x", "X", "*")), 3)
    tail = f"-{match[6]}" if match[6] else ""
    if fixed == 3:
        text = match[2]
    else:
        text = ".".join([*(part or "0" for part in parts[:fixed]), *["0"] * (3 - fixed)]) + tail
    try:
        version = parse_version(text)
    except Failure:
        raise Failure("constraint parser error") from None
    return _Constraint(match[1], version, fixed)


def _semver_compare(constraint: str, version: str) -> bool:
    groups = _parse_constraints(constraint)
    parsed = parse_version(version)
    for group in groups:
        prereleases = any(wanted.version.prerelease for wanted in group)
        if all(wanted.allows(parsed, prereleases=prereleases) for wanted in group):
            return True
    return False


def _increased(version: Version, part: str) -> Version:
    major, minor, patch = version.numbers
    if part == "major":
        return version.next(major + 1, 0, 0)
    if part == "minor":
        return version.next(major, minor + 1, 0)
    return version.next(major, minor, patch if version.prerelease else patch + 1)


def _with_prerelease(version: Version, text: str) -> Version:
    if text:
        _check_words(text, "prerelease")
        _check_prerelease(text)
    return _written(replace(version, prerelease=text), version)


def _with_metadata(version: Version, text: str) -> Version:
    if text:
        _check_words(text, "metadata")
    return _written(replace(version, metadata=text), version)


def _check_words(text: str, what: str) -> None:
    if not re.fullmatch(r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*", text):
        raise Failure(f"invalid {what} string")


Version.methods = by_name(
    Function("Major", lambda version: Uint64(version.major)),
    Function("Minor", lambda version: Uint64(version.minor)),
    Function("Patch", lambda version: Uint64(version.patch)),
    Function("Prerelease", lambda version: version.prerelease),
    Function("Metadata", lambda version: version.metadata),
    Function("Original", lambda version: version.original),
    Function("String", str),
    Function("IncMajor", lambda version: _increased(version, "major")),
    Function("IncMinor", lambda version: _increased(version, "minor")),
    Function("IncPatch", lambda version: _increased(version, "patch")),
    Function("SetPrerelease", _with_prerelease, ("string",)),
    Function("SetMetadata", _with_metadata, ("string",)),
    Function("Compare", compare, (Version,)),
    Function("Equal", lambda one, other: compare(one, other) == 0, (Version,)),
    Function("LessThan", lambda one, other: compare(one, other) < 0, (Version,)),
    Function("LessThanEqual", lambda one, other: compare(one, other) <= 0, (Version,)),
    Function("GreaterThan", lambda one, other: compare(one, other) > 0, (Version,)),
    Function("GreaterThanEqual", lambda one, other: compare(one, other) >= 0, (Version,)),
)

FUNCTIONS: Final = (
    Function("semver", parse_version, ("string",)),
    Function("semverCompare", _semver_compare, ("string", "string")),
)
