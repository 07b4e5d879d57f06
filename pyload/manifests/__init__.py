"""The objects that pyload writes to an API server, as JSON; nothing here talks to one."""
