"""Messages without validation, beside the library's own."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest

from pyload.embedded.controlplane.envoy_modules import envoy, tls_context


def test_a_message_is_encoded_as_the_library_encodes_it() -> None:
    """Proxies would get other bytes than those that Envoy's own types stand for."""
    lib = envoy()
    own = import_module("envoy_data_plane.envoy.config.cluster.v3")
    fields = {"name": "a", "alt_stat_name": "b", "connect_timeout": timedelta(seconds=10)}

    mine = lib.cluster.Cluster(**fields, lb_policy=lib.cluster.ClusterLbPolicy.RANDOM)
    theirs = own.Cluster(**fields, lb_policy=own.ClusterLbPolicy.RANDOM)

    assert bytes(mine) == bytes(theirs)


def test_what_is_built_passes_the_validation_that_was_left_out() -> None:
    """A value out of its range would be found by Envoy, in somebody's run."""
    tls = import_module("envoy_data_plane.envoy.extensions.transport_sockets.tls.v3")
    encoded = bytes(envoy().tls.DownstreamTlsContext(common_tls_context=tls_context()))

    assert bytes(tls.DownstreamTlsContext.parse(encoded)) == encoded


def test_a_field_that_a_message_does_not_have_is_refused() -> None:
    """A misspelt field would be missing from all that is served, and nothing would show it."""
    with pytest.raises(TypeError, match="SocketAddress has no field port_number"):
        envoy().core.SocketAddress(port_number=80)


def test_defaults_of_messages_are_their_own() -> None:
    """A list that is appended to would appear in every other message of the type."""
    first, second = (envoy().cluster.Cluster() for _ in range(2))
    first.transport_socket_matches.append("x")

    assert not second.transport_socket_matches
