"""Groups of flags that commands share, added by a decorator.

Click parses the flags of a group like any others. `Command` keeps their values from the command's
function, and the group's decorator passes the function one object in their place. So a new flag is
one entry in its group's list, and the commands that have the group do not change.
"""

from __future__ import annotations

import functools
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Self

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class GroupOption(click.Option):
    """A flag of a group. Each group is a subclass."""

    title: ClassVar[str]
    """Title of the group's section in a command's help."""

    def beside(self, own: Collection[str]) -> Self:
        """Return the flag without those of its names that a command has for flags of its own."""
        free = [name for name in self.opts if name not in own]
        if len(free) == len(self.opts):
            return self
        twin = copy(self)
        twin.opts = free
        return twin


def flag_group(
    argument: str, read: Callable[[click.Context], object], *options: Decorator
) -> Decorator:
    """Return the decorator that adds a group of flags to a command.

    Args:
        argument: Name of the keyword argument that the command's function gets for the group.
        read: Returns the argument's value; the flags' values are the context's parameters.
        options: The flags: `click.option` with a `GroupOption` as the class.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **values: Any) -> Any:
            values[argument] = read(click.get_current_context())
            return function(*args, **values)

        for option in reversed(options):
            option(call)
        return call

    return decorate
