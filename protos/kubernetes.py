"""Writes pyload/embedded/apiserver/messages.json, by which protobuf bodies are decoded.

Needs checkouts of k8s.io/api and k8s.io/apimachinery, of one release. Numbers and types of fields
come from their generated.proto; names, and what JSON leaves out when it is zero, from the Go types.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

TARGET = Path(__file__).parents[1] / "pyload" / "embedded" / "apiserver" / "messages.json"
GROUPS = (
    "core apps authentication authorization autoscaling batch certificates coordination discovery "
    "events networking policy rbac scheduling admissionregistration"
)
FOLDERS = (*(f"{group}/v1" for group in GROUPS.split()), "autoscaling/v2")

SHARED = ("v1", "meta.k8s.io/v1")
"""Where a message is that is not of the group of the one that has it."""

SCALARS = {
    "string": "str",
    "bool": "bool",
    "int32": "int",
    "int64": "int",
    "bytes": "bytes",
    "ExtraValue": "texts",
    "FieldsV1": "json",
    "JSON": "json",
    "RawExtension": "json",
    "Time": "time",
    "MicroTime": "micro",
    "Quantity": "text",
    "IntOrString": "intstr",
}

Messages = dict[str, dict[int, tuple[str, str, str]]]
"""The fields of each message by number: name, mark and type."""


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("api", type=Path, help="checkout of k8s.io/api")
    parser.add_argument("apimachinery", type=Path, help="checkout of k8s.io/apimachinery")
    arguments = parser.parse_args()
    meta = arguments.apimachinery / "pkg" / "apis" / "meta" / "v1"
    folders = [meta, *(arguments.api / folder for folder in FOLDERS)]
    sections = {api_version(folder): read(folder) for folder in folders}
    needed = reachable(sections)
    lines = [
        f' "{section}": {{\n'
        + ",\n".join(
            f'  "{message}": {json.dumps(text(fields))}'
            for message, fields in sorted(messages.items())
            if (section, message) in needed
        )
        + "\n }"
        for section, messages in sections.items()
    ]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def api_version(folder: Path) -> str:
    """Return the ``apiVersion`` of the objects that a folder describes."""
    found = re.search(r'const GroupName = "(.*)"', (folder / "register.go").read_text())
    assert found, folder
    return f"{found[1]}/{folder.name}" if found[1] else folder.name


def read(folder: Path) -> Messages:
    """Read the messages of one group and version."""
    named: dict[str, dict[int, tuple[str, str]]] = {}
    for path in folder.glob("*types.go"):
        for struct, body in re.findall(
            r"^type (\w+) struct \{\n(.*?)^\}", path.read_text(), re.MULTILINE | re.DOTALL
        ):
            named[struct] = dict(go_fields(body))
    messages: Messages = {}
    source = (folder / "generated.proto").read_text()
    for message, body in re.findall(
        r"^message (\w+) \{\n(.*?)^\}", source, re.MULTILINE | re.DOTALL
    ):
        if message in SCALARS or message not in named:
            continue
        fields = messages[message] = {}
        for label, type_, number in re.findall(
            r"^  (optional|repeated|map<string,) \.?([\w./]+)>? \w+ = (\d+);", body, re.MULTILINE
        ):
            mark = {"optional": "", "repeated": "*"}.get(label, "%")
            short = type_.rpartition(".")[2]
            name, kept = named[message][int(number)]
            fields[int(number)] = (name + kept, mark, SCALARS.get(short, short))
    return messages


def go_fields(body: str) -> list[tuple[int, tuple[str, str]]]:
    """Return the JSON name of each field by its number, and ``?`` if JSON shows it when it is zero.

    The name is a dot for a field whose own fields stand in its place.
    """
    tagged = re.findall(
        r"^\s+(?:\w+\s+)?(\S+)\s+`json:\"([^\"]*)\"(?: \w+:\"[^\"]*\")* protobuf:\"\w+,(\d+),",
        body,
        re.MULTILINE,
    )
    return [
        (
            int(number),
            (
                name.partition(",")[0] or ".",
                "?" if type_.startswith("*") or not re.search("omit|inline|^$", name) else "",
            ),
        )
        for type_, name, number in tagged
    ]


def reachable(sections: dict[str, Messages]) -> set[tuple[str, str]]:
    """Return the messages that bodies have: those with metadata but lists, and what is in them."""
    found: set[tuple[str, str]] = set()
    waiting = [
        (section, message)
        for section, messages in sections.items()
        for message, fields in messages.items()
        if message == "DeleteOptions"
        or (fields.get(1, ("",))[0].rstrip("?") == "metadata" and not message.endswith("List"))
    ]
    while waiting:
        section, message = place = waiting.pop()
        if place in found:
            continue
        found.add(place)
        for _, _, type_ in sections[section][message].values():
            if type_ in SCALARS.values():
                continue
            waiting.append(next((at, type_) for at in (section, *SHARED) if type_ in sections[at]))
    return found


def text(fields: dict[int, tuple[str, str, str]]) -> str:
    """Write the fields of a message on one line."""
    return ", ".join(
        f"{number} {name} {mark}{type_}" for number, (name, mark, type_) in sorted(fields.items())
    )


if __name__ == "__main__":
    main()
