"""One HTTP/2 connection with one gRPC stream, seen from the client: bytes in, bytes out.

Nothing here reads a socket or a clock; `pyload.xds.lean` does.
"""
