"""``pyload impersonate``: runs the proxies of a cluster's pods."""
