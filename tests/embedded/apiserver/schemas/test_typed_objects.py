"""Fields of built-in kinds: the unknown ones, and those of a wrong type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.apiserver import messages
from pyload.embedded.apiserver.schemas.typed_objects import fields_of, read

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

PODS = "/api/v1/namespaces/default/pods"
POD = messages.Message("v1", "Pod")
OBJ: Any = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "labels": {"a": "b"}},
    "spec": {
        "containers": [
            {
                "name": "c",
                "resources": {"requests": {"cpu": 1, "memory": "1Gi"}},
                "livenessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 3},
            }
        ],
        "volumes": [{"name": "v", "emptyDir": {}}],
    },
}


def changed(**container: Any) -> Any:
    """Return the pod with other fields in its container."""
    (first,) = OBJ["spec"]["containers"]
    return {**OBJ, "spec": {**OBJ["spec"], "containers": [{**first, **container}]}}


def test_a_right_object_stays_as_it_is() -> None:
    """Nearly every write is one, so it costs no copy."""
    assert read(OBJ, POD)[0] is OBJ


def test_unknown_fields_are_dropped_wherever_they_are() -> None:
    """The server would show them for ever, as no real one does."""
    obj = {**changed(imagePulPolicy="x", livenessProbe={"tcp": 1}), "extra": 1}

    found, unknown = read(obj, POD)

    assert found == changed(livenessProbe={})
    assert unknown == [
        "extra",
        "spec.containers[0].imagePulPolicy",
        "spec.containers[0].livenessProbe.tcp",
    ]


def test_nulls_are_no_values() -> None:
    """A JSON patch can write them, and Go reads a null as nothing."""
    assert read(changed(image=None, args=["a", None]), POD) == (changed(args=["a"]), [])


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": True}, "bool into Go struct field Container.spec.containers.name of type string"),
        ({"tty": 1}, "number into Go struct field Container.spec.containers.tty of type bool"),
        (
            {"ports": {}},
            (
                "object into Go struct field Container.spec.containers.ports of type "
                "[]v1.ContainerPort"
            ),
        ),
        (
            {"ports": ["x"]},
            "string into Go struct field Container.spec.containers.ports of type v1.ContainerPort",
        ),
        (
            {"livenessProbe": {"periodSeconds": 1.5}},
            (
                "number 1.5 into Go struct field Probe.spec.containers.livenessProbe.periodSeconds "
                "of type int"
            ),
        ),
        (
            {"resources": {"limits": []}},
            (
                "array into Go struct field ResourceRequirements.spec.containers.resources.limits "
                "of type map[string]resource.Quantity"
            ),
        ),
    ],
)
def test_wrong_types_are_refused_in_gos_words(fields: Any, text: str) -> None:
    """YAML makes `n` and `1` what nobody meant, and kubectl shows these words."""
    with pytest.raises(TypeError) as refused:
        read(changed(**fields), POD)

    assert str(refused.value) == f"json: cannot unmarshal {text}"


def test_fields_of_embedded_messages_stand_beside_the_others() -> None:
    """A volume's sources are fields of the volume."""
    assert {"name", "emptyDir", "configMap"} <= set(fields_of(messages.Message("v1", "Volume")))


@pytest.mark.anyio
@pytest.mark.virtual
async def test_a_name_that_yaml_takes_for_a_bool_is_refused(api: Api, pod: Any) -> None:
    """`nodeName: n` means false; the pod was stored, and no client in Go could read the list."""
    code, status = await api("POST", PODS, pod("p", nodeName=False))

    assert code == 400
    assert status["message"] == (
        'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal bool into Go '
        "struct field PodSpec.spec.nodeName of type string"
    )
