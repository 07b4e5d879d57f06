"""Runs that were recorded at a real API server, made again at the embedded one."""
