"""One HTTP/2 connection with one gRPC stream, seen from the client: bytes in, bytes out.

Only as much of HTTP/2 is here as a proxy's connection needs: what a general library does beyond it
would cost memory and CPU for each of ten thousand. ``connection`` is the engine, on top of
``frames`` (the numbers, and frames to and from bytes), ``state`` (which frames may come when),
``headers`` and ``fields`` (header blocks and HPACK), ``outbox`` (the bytes to write) and ``status``
(how a stream ended). Nothing here reads a socket or a clock; `pyload.xds.lean_stream` does.
"""
