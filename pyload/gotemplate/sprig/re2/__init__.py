"""Go's regular expressions: RE2 syntax, matched in time linear in the text.

Here and nowhere else: what a pattern means. Which template function uses it how is `sprig.regex`.
"""
