"""The flags that say which mesh to build, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from pyload.cli.flags.globals import words

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def config_option(text: str) -> Callable[[F], F]:
    """Give a command ``-c``, a path or ``-``.

    Args:
        text: Its help.
    """
    return click.option(
        "-c",
        "--config",
        type=click.Path(allow_dash=True),
        default="",
        metavar="FILE",
        help=text,
    )


def cluster_type_option() -> Callable[[F], F]:
    """Give a command ``--cluster-type``; the value is not checked yet."""
    return click.option(
        "--cluster-type",
        default="fake-node",
        shell_complete=words("fake-node", "fake", "real", "kwok"),
        metavar="TYPE",
        help="fake-node, fake, real or kwok.  [default: fake-node]",
    )
