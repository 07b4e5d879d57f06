"""Whole clusters: their nodes, and what happens when something goes wrong."""
