"""The table of the messages of Kubernetes' API."""

from __future__ import annotations

from pyload.embedded.apiserver import messages
from pyload.embedded.apiserver.messages import Field, Message


def test_a_message_is_looked_for_in_its_own_group_first() -> None:
    """Groups have messages of one name: a port of a slice would be read as one of Endpoints."""
    here = messages.find("discovery.k8s.io/v1", "EndpointPort")
    shared = messages.find("discovery.k8s.io/v1", "ObjectReference")
    options = messages.find("apps/v1", "DeleteOptions")

    assert here == Message("discovery.k8s.io/v1", "EndpointPort")
    assert shared == Message("v1", "ObjectReference")
    assert options == Message("meta.k8s.io/v1", "DeleteOptions")
    assert messages.find("v1", "Nothing") is None


def test_fields_have_their_names_in_json() -> None:
    """JSON has some fields at another level than protobuf, and some only if they hold anything."""
    pod = Message("v1", "PodSpec").fields()

    assert pod[2] == Field("containers", shown=True, mark="*", type="Container")
    assert pod[7] == Field("nodeSelector", shown=False, mark="%", type="str")
    assert Message("v1", "Volume").fields()[2].name == "."


def test_whatever_a_message_has_is_in_the_table() -> None:
    """A message that were not there would be found missing by the first user who sends it."""
    known = {
        *("str", "int", "bool", "bytes", "text", "texts", "intstr", "json", "time", "micro"),
        "schema",
    }
    todo, seen = messages.kinds(), set[Message]()
    while todo:
        message = todo.pop()
        seen.add(message)
        for field in message.fields().values():
            below = message.of(field)
            assert below or field.type in known, f"{message}: {field}"
            if below and below not in seen:
                todo.append(below)

    assert len(seen) > 300
