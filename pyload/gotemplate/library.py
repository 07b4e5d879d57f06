"""The templates that come with pyload, and the functions that all templates of a run share."""

from __future__ import annotations

from functools import cache, cached_property
from importlib import resources
from typing import TYPE_CHECKING, Final

from pyload.gotemplate.functions import Function, by_name
from pyload.gotemplate.sprig import Surroundings, functions
from pyload.gotemplate.sprig.certificates import Pair, serving_pairs

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILTINS: Final = ("httproute", "istio-gateway", "sidecar", "tls-secret", "virtualservice")


@cache
def builtin(name: str) -> str:
    """The text of a template that comes with pyload, one of `BUILTINS`."""
    folder = resources.files("pyload.gotemplate") / "builtin"
    return (folder / f"{name}.yaml").read_text(encoding="utf-8")


class Library:
    """What the templates of one run are rendered with.

    Args:
        surroundings: The clock, chance and environment that functions see; by default those of the
            process, without its environment.
    """

    def __init__(self, surroundings: Surroundings | None = None) -> None:
        self._surroundings = surroundings or Surroundings()

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """What templates can call beyond text/template's own: sprig's functions, and ``tlsPair``.

        ``tlsPair .Rand`` gives a certificate and its key, in the fields ``Cert`` and ``Key``: one
        of the two pairs that this library makes when it is first called. Both are for
        ``*.example.com``, as the builtin gateways are.
        """
        own = Function("tlsPair", self._tls_pair, ("bool",))
        return by_name(*functions(self._surroundings), own)

    @cached_property
    def _pairs(self) -> tuple[Pair, Pair]:
        return serving_pairs(self._surroundings)

    def _tls_pair(self, second: bool) -> Pair:  # noqa: FBT001 - what Rand is
        return self._pairs[second]
