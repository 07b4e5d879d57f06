"""Stories of whole runs of a mesh: examples, recordings, faulty servers, any config, kwok."""

from __future__ import annotations
