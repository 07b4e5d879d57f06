"""A control plane that sends what its standard input says, and prints what it is asked.

A process of its own, as gRPC's threads and processes that are started beside them do not agree.
Each line of input is a response, each line of output a request, both in base64; the first line of
output is the port. Everything is said and heard on the first stream.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import Iterator

_Handler: Any = grpc.GenericRpcHandler


class _Script(_Handler):  # type: ignore[misc]
    def service(self, handler_call_details: Any) -> Any:
        return grpc.stream_stream_rpc_method_handler(_serve)


def _serve(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
    threading.Thread(target=_print, args=(requests,), daemon=True).start()
    for line in sys.stdin:
        yield b64decode(line)


def _print(requests: Iterator[bytes]) -> None:
    with contextlib.suppress(grpc.RpcError):
        for request in requests:
            _say(b64encode(request).decode())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until the process is killed."""
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((_Script(),))
    _say(str(server.add_insecure_port("127.0.0.1:0")))
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
