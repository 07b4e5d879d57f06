"""The functions of sprig 3.3 for text templates, a module per family.

Pure, but for `surroundings`, which knows the clock, chance and the environment, and for keys and
certificates, which `cryptography` makes. What a function may be given and how it is called is the
evaluator's business.
"""

from __future__ import annotations

from pyload.gotemplate.sprig.catalogue import functions
from pyload.gotemplate.sprig.surroundings import Surroundings

__all__ = ["Surroundings", "functions"]
