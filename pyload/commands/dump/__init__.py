"""``pyload dump``: writes a proxy's configuration as files."""
