"""Whole templates: random ones, and those that Go and sprig were recorded with."""
