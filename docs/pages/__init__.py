"""The pages of the documentation that are made from the code; ``docs/write.py`` writes them.

Each module has a function ``files``, which returns texts by their paths below ``docs``.
"""
