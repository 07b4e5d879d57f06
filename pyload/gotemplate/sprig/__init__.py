"""The functions of sprig 3.3 for text templates, a module per family.

The functions are pure, but for those that ask `surroundings` for the time, randomness and the
environment, and those for keys and certificates, which `cryptography` makes. The evaluator checks
and converts the arguments.
"""

from __future__ import annotations

from pyload.gotemplate.sprig.catalogue import functions
from pyload.gotemplate.sprig.surroundings import Surroundings

__all__ = ["Surroundings", "functions"]
