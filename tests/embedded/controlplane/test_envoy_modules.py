"""Pieces of Envoy's messages, read back by another library."""

from __future__ import annotations

from google.protobuf import any_pb2, struct_pb2

from pyload.embedded.controlplane.envoy_modules import envoy, loaded, struct, text, tls_context


def test_whether_the_library_is_loaded_is_known_without_loading_it() -> None:
    """The first proxy would stop the loop for a second, or each one wait for a thread."""
    envoy.cache_clear()
    assert not loaded()

    lib = envoy()

    assert loaded()
    assert envoy() is lib


def test_a_message_is_wrapped_with_the_name_of_its_type() -> None:
    """Envoy refuses a whole listener for one filter whose type it cannot find."""
    wrapped = envoy().any("a.b.Message", struct(key=text("value")))

    read = any_pb2.Any.FromString(bytes(wrapped))
    assert read.type_url == "type.googleapis.com/a.b.Message"
    assert dict(struct_pb2.Struct.FromString(read.value)) == {"key": "value"}
    assert any_pb2.Any.FromString(bytes(envoy().any("a.b.Empty"))).value == b""


def test_certificates_come_from_the_agent_and_not_from_istiod() -> None:
    """Proxies would ask the control plane for certificates that it never sends."""
    context = tls_context(alpn=("h2",))

    own = context.tls_certificate_sds_secret_configs
    trusted = context.combined_validation_context.validation_context_sds_secret_config
    assert context.alpn_protocols == ["h2"]
    assert [one.name for one in (*own, trusted)] == ["default", "ROOTCA"]
    for one in (*own, trusted):
        assert one.sds_config.ads is None
        (service,) = one.sds_config.api_config_source.grpc_services
        assert service.envoy_grpc.cluster_name == "sds-grpc"
