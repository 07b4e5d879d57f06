"""The command line of a run as it stands in the result, with its secrets out.

Results are shared: they are artifacts of CI and attachments of issues. What is secret is recognised
by its name (``TOKEN=``, ``--password``), by its place (the user and password of a URL) or by its
look (a JWT, a key as clouds have them, a long mix of letters and digits). It is better to hide too
much than too little, as long as paths, addresses and thresholds stay readable.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN: Final = "***"
"""What stands for a secret."""

_NAME: Final = (
    r"[\w./-]*(?:token|passw|pass(?![a-z])|passphrase|pwd|secret|credential|api[-_.]?key|"
    r"access[-_.]?key|private[-_.]?key|authori[sz]ation|bearer|signature|cookie|jwt)[\w./-]*"
)
_FLAG: Final = re.compile(rf"--?{_NAME}", re.IGNORECASE)
# A value ends where the next key begins, as in `K=V,K=V`, `k=v&k=v` and `{"k": "v", "k": "v"}`.
_PAIR: Final = re.compile(
    rf"""({_NAME}["']?\s*(?:=(?!=)|:(?!//))\s*)(?:(?![,;]["'\s]*[\w./-]+["']?\s*[=:]|&).)+""",
    re.IGNORECASE | re.DOTALL,
)
# A password with a slash in it, which should be escaped, is one too; a port is none.
_USER_OF_URL: Final = re.compile(r"(?<=://)(?:[^/?#\s]*|[^/:?#\s]*:(?!\d+[/?#])\S*)@")
_LOOKS: Final = re.compile(
    r"eyJ[\w-]{8,}(?:\.[\w-]*)*"  # a JWT
    r"|\b(?:bearer|basic)\s+[\w.~+/=-]{8,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\b(?:gh[opsur]_|github_pat_|glpat-|xox[abprs]-|sha256~|AIza)[\w-]{10,}"
    r"|-----BEGIN.*",
    re.IGNORECASE | re.DOTALL,
)
_WORD: Final = re.compile(r"[^\s,;&=:]+=*")
_RUN: Final = re.compile(r"[A-Za-z0-9+]{20,}")


def command_line(arguments: Iterable[str]) -> str:
    """Return a command line as one would type it, with its secrets hidden.

    Args:
        arguments: The name of the program, and what follows it.
    """
    shown: list[str] = []
    is_secret = False
    for argument in arguments:
        shown.append(HIDDEN if is_secret else without_secrets(argument))
        is_secret = not is_secret and _FLAG.fullmatch(argument) is not None
    return shlex.join(shown)


def without_secrets(text: str) -> str:
    """Return a text with its secrets hidden."""
    text = _USER_OF_URL.sub(f"{HIDDEN}@", text)
    text = _PAIR.sub(rf"\1{HIDDEN}", text)
    text = _LOOKS.sub(HIDDEN, text)
    return _WORD.sub(lambda word: HIDDEN if _is_random(word[0]) else word[0], text)


def _is_random(word: str) -> bool:
    """Return whether a word looks as no person writes it, such as a key in base64."""
    return any(
        run.lower() != run != run.upper() and len(re.findall(r"\d+", run)) > 1
        for run in _RUN.findall(word)
    )
