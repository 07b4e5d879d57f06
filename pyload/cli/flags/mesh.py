"""The flags of the commands that read configs, each a decorator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from pyload.cli.flags.globals import words

if TYPE_CHECKING:
    from pyload.cli.flags.globals import Settings
    from pyload.config.parse import Loaded

config_option: Final = click.option(
    "-c",
    "--config",
    type=click.Path(allow_dash=True),
    default="",
    metavar="FILE",
    help="Config of the mesh; - is standard input.",
)
embedded_config_option: Final = click.option(
    "-c",
    "--config",
    type=click.Path(allow_dash=True),
    default="",
    metavar="FILE",
    help="With --embedded, mesh in the API server.",
)
cluster_type_option: Final = click.option(
    "--cluster-type",
    default="fake-node",
    shell_complete=words("fake-node", "fake", "real", "kwok"),
    metavar="TYPE",
    help="Type: fake-node (default), fake, real or kwok.",
)
"""The value is checked by the command, so that the error names all types."""
lenient_option: Final = click.option(
    "--lenient", is_flag=True, help="Warn of unknown keys in configs instead of failing."
)


def loaded_mesh(config: str, settings: Settings, *, lenient: bool = False) -> Loaded | None:
    """Read the file of `--config`; None if the user gave none.

    Commands do so before signals are handled, so that Ctrl-C interrupts a read of standard input.

    Raises:
        ConfigError: The file cannot be read, or has problems.
    """
    from pyload.config.file import load_config  # noqa: PLC0415 - fast help

    return load_config(config, lenient=lenient, environ=settings.environ) if config else None
