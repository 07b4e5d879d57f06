"""``pyload startup``: how long pods take to become ready."""
