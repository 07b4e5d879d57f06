"""Objects as kubectl prints them: tables, their columns and cells, and ages.

The server decides what a table shows, for built-in kinds and for those that are defined.
"""
