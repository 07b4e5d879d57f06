"""Measures what a proxy costs: a server that replays pushes, clients, and the table of figures.

No figure is asserted here, and nothing here is part of pyload.
"""
