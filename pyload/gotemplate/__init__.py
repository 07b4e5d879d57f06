"""Go's text/template, with the functions of sprig.

``lexer`` and ``parser`` read a template into ``ast``; ``compile`` makes closures of it, once, and
``template`` runs them. ``values`` is the model of Go's values in Python, ``fmt`` and ``printf``
print them as Go's fmt does, ``builtins`` are the functions of text/template and ``sprig`` those of
sprig. Pure: the clock, the environment and random numbers are behind sprig's context. What the
templates are for (objects of a mesh, refreshing) belongs to ``pyload.mesh``.
"""

from __future__ import annotations

from pyload.gotemplate.template import Template, parse

__all__ = ["Template", "parse"]
