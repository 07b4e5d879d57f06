"""Messages with gaps, against the library that would build them whole."""

from __future__ import annotations

from envoy_data_plane.envoy.config.route.v3 import (
    Route,
    RouteAction,
    RouteConfiguration,
    RouteMatch,
    VirtualHost,
)
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.controlplane.template import MessageTemplate, gap
from pyload.embedded.controlplane.wire import varint

# Surrogates are no characters; a leading 0x01 would be a gap in a gap.
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


def _message(name: str, domain: str, cluster: str) -> bytes:
    return bytes(
        RouteConfiguration(
            name=name,
            virtual_hosts=[
                VirtualHost(
                    name="constant",
                    domains=["*", domain],
                    routes=[
                        Route(match=RouteMatch(prefix="/"), route=RouteAction(cluster=cluster))
                    ],
                )
            ],
            max_direct_response_body_size_bytes=7,
        )
    )


_TEMPLATE = MessageTemplate(_message(gap("name"), gap("domain"), gap("cluster")))


@given(_TEXTS.filter(bool), _TEXTS, _TEXTS)
def test_filling_gaps_gives_the_message_that_the_library_builds(
    name: str, domain: str, cluster: str
) -> None:
    """Every proxy would reject configuration whose lengths are wrong."""
    filled = _TEMPLATE.fill(name=name, domain=domain, cluster=cluster)

    assert filled == _message(name, domain, cluster)


def test_a_message_without_gaps_stays_as_it_is() -> None:
    """A string or number that looks like a marker must not be taken for one."""
    message = _message("x\x01~y", "", "z")

    assert MessageTemplate(message).fill() == message


@given(st.integers(0, 2**64 - 1))
def test_varints_read_back(number: int) -> None:
    """All lengths and tags are varints."""
    encoded = varint(number)
    value = sum((byte & 0x7F) << 7 * index for index, byte in enumerate(encoded))

    assert value == number
    assert all(byte & 0x80 for byte in encoded[:-1])
    assert not encoded[-1] & 0x80
