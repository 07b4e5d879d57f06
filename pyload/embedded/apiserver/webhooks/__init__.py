"""The webhooks that clients register, which change and refuse objects before they are stored.

Which webhooks a request is for, what they are asked and what their answers lead to is decided in
pure code; `calls` alone sends something.
"""
