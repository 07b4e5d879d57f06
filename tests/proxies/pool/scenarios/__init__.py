"""Pools whose workers die, hang and come back in any order."""
