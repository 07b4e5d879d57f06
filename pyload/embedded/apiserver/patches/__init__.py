"""Changes to objects that are sent as patches: three formats, and server-side apply.

All of them follow the same shapes of lists, which say by what key items are the same.
"""
