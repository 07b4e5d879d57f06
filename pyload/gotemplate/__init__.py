"""Go's text/template, with the functions of sprig.

`lexer` and `parser` read a template into the tree of `nodes`; `compile` and `expressions` make
closures of it, once, and `template` runs them under the `limits`. `values` is the model of Go's
values in Python; `fmt`, `printer` and `printf` print them as Go's fmt does. `natives` are the
functions of text/template, and `sprig` those of sprig; the clock, the environment and random
numbers are behind sprig's surroundings. This is a library in the house: it knows nothing of what
the templates are for.
"""

from __future__ import annotations

from pyload.gotemplate.template import Template, parse

__all__ = ["Template", "parse"]
