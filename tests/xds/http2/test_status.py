"""gRPC's names and numbers."""

from __future__ import annotations

import grpc

from pyload.xds.http2 import status
from pyload.xds.http2.frames import Code, code_name


def test_names_are_grpcs() -> None:
    """Counters of disconnects would be called otherwise with the other transport."""
    codes = {one.value[0]: one.name for one in grpc.StatusCode}
    assert dict(enumerate(status.NAMES)) == codes


def test_answers_of_gateways_are_translated_as_grpc_does() -> None:
    """Users would wait for a server whose status asks them for another token, or the reverse."""
    found = {number: status.of_http(number).name for number in (400, 401, 403, 404, 429, 500, 503)}
    assert found == {
        400: "INTERNAL",
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "UNIMPLEMENTED",
        429: "UNAVAILABLE",
        500: "UNKNOWN",
        503: "UNAVAILABLE",
    }


def test_codes_have_names() -> None:
    """Users would have to look the number up."""
    assert code_name(Code.ENHANCE_YOUR_CALM) == "ENHANCE_YOUR_CALM"
    assert code_name(4711) == "error code 4711"
