"""Transports against a real server, and the protocol against recordings and other libraries."""
