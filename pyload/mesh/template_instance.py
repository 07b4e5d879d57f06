"""A template of a config with the values that it is rendered with, and the objects that it yields.

Each application, and each namespace, that names a template has an instance of its own: the template
is parsed once, and rendered with the values of the config, the names of application and namespace,
and two random ones, ``Rand`` and ``RandNumber``. Churn makes another instance with other random
values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pyload.config.data import read_data
from pyload.errors import ConfigError, Problem, TemplateError, UsageError
from pyload.manifests.objects import RUN_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from pyload.config.model import ConfigRef
    from pyload.gotemplate import Template
    from pyload.gotemplate.library import Library
    from pyload.kube.resources import Obj

MAX_RAND: Final = 10_000
"""Largest ``RandNumber``; the smallest is 1."""

_DOCUMENT: Final = re.compile(r"^---(?:[ \t].*)?\r?$", re.MULTILINE)
_API_VERSION: Final = re.compile(r"(?:[a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z0-9]+")
_KIND: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.:]*[A-Za-z0-9])?")
_NOTHING: Final = re.compile(r"\A(?:[ \t]*(?:#.*)?\n?)*\Z")


@dataclass(frozen=True, slots=True)
class TemplateInstance:
    """A template with the values that it is rendered with.

    Attributes:
        template: The template.
        namespace: Namespace of its objects.
        data: The values, ``Name``, ``Namespace``, ``Rand`` and ``RandNumber`` included.
        refreshes: Whether churn changes it.
    """

    template: Template
    namespace: str
    data: Mapping[str, Any]
    refreshes: bool = False

    def text(self) -> str:
        """Render the template.

        Raises:
            TemplateError: It cannot be rendered with these values.
        """
        # A template may set keys of its data; the next rendering starts from the same ones.
        return self.template.render(dict(self.data))

    def objects(self, run_id: str = "") -> tuple[Obj, ...]:
        """Render the template and return its objects, in the order of its documents.

        Args:
            run_id: Value of the run label; empty for none.

        Raises:
            TemplateError: It cannot be rendered with these values.
            ConfigError: It renders something that is not a Kubernetes object.
        """
        try:
            text = self.text()
        except TemplateError as error:
            where = (
                f"{self.namespace}/{name}" if (name := self.data.get("Name")) else self.namespace
            )
            raise error.during(f"for {where}") from None
        return tuple(self._finished(obj, run_id) for obj in _objects(text, self.source))

    @property
    def source(self) -> str:
        """The name of its text in errors."""
        return f"template {self.template.name} for {self.data.get('Name') or self.namespace}"

    def refreshed(self, rng: Random) -> TemplateInstance:
        """Return the instance after the next change: other randomness, ``Rand`` the other way."""
        data = {**self.data, "Rand": not self.data["Rand"], "RandNumber": _number(rng)}
        return replace(self, data=data)

    def _finished(self, obj: Obj, run_id: str) -> Obj:
        metadata = {**obj["metadata"], "namespace": self.namespace}
        if run_id:
            metadata["labels"] = {**(metadata.get("labels") or {}), RUN_LABEL: run_id}
        return {**obj, "metadata": metadata}


class Templates:
    """The templates of one run, each read once.

    Args:
        texts: The user's templates by name; one may take a builtin's place.
        environ: The variables that they may read; None for none.
    """

    def __init__(self, texts: Mapping[str, str], environ: Mapping[str, str] | None = None) -> None:
        self._texts = texts
        self._environ = environ
        self._parsed: dict[str, Template] = {}

    @cached_property
    def _library(self) -> Library:
        from pyload.gotemplate.library import Library  # noqa: PLC0415 - most runs have no template
        from pyload.gotemplate.sprig import Surroundings  # noqa: PLC0415

        return Library(Surroundings(environ=self._environ))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All templates that there are."""
        from pyload.gotemplate.library import BUILTINS  # noqa: PLC0415 - see above

        return tuple(sorted({*BUILTINS, *self._texts}))

    def get(self, name: str) -> Template:
        """Return a template, which is parsed at its first use.

        Raises:
            TemplateError: It cannot be parsed.
            UsageError: There is no template of that name.
        """
        known = self._parsed.get(name)
        if known is None:
            from pyload.gotemplate import parse  # noqa: PLC0415 - see above
            from pyload.gotemplate.library import builtin  # noqa: PLC0415

            text = self._texts.get(name)
            if text is None:
                if name not in self.names:
                    raise UsageError(
                        f"unknown template name: {name}", fix=f"use one of {', '.join(self.names)}"
                    )
                text = builtin(name)
            known = parse(
                text, name=name, functions=self._library.functions, templates=_ByName(self)
            )
            self._parsed[name] = known
        return known

    def for_app(self, ref: ConfigRef, *, app: str, namespace: str, rng: Random) -> TemplateInstance:
        """Make the instance of an application.

        Raises:
            UsageError: The template or its values cannot be used.
        """
        data = {"Name": app, "Namespace": namespace, **_as_go(ref.config)}
        return self._made(ref, data, rng)

    def for_namespace(self, ref: ConfigRef, *, namespace: str, rng: Random) -> TemplateInstance:
        """Make the instance of a namespace; its only ``Name`` is one that the config sets.

        Raises:
            UsageError: The template or its values cannot be used.
        """
        return self._made(ref, {**_as_go(ref.config), "Namespace": namespace}, rng)

    def _made(self, ref: ConfigRef, data: dict[str, Any], rng: Random) -> TemplateInstance:
        template = self.get(ref.name)
        second = data.get("Rand", True)
        if not isinstance(second, bool):
            raise UsageError(
                f"`Rand` for template {ref.name} is {ref.config['Rand']!r}",
                fix="give true or false: it is the other way at each refresh",
            )
        namespace = data["Namespace"]
        if not (isinstance(namespace, str) and namespace):
            raise UsageError(
                f"`Namespace` for template {ref.name} is {ref.config['Namespace']!r}",
                fix="give a name",
            )
        data["Rand"] = not second
        data["RandNumber"] = _number(rng)
        made = TemplateInstance(template, namespace, data)
        refreshes = _marked(made) if ref.refresh is None else ref.refresh
        return replace(made, refreshes=refreshes)


class _ByName(Mapping[str, "Template"]):
    """All templates of a run, for those that include another; each is read when it is wanted."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def __contains__(self, name: object) -> bool:
        return name in self._templates.names

    def __getitem__(self, name: str) -> Template:
        return self._templates.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._templates.names)

    def __len__(self) -> int:
        return len(self._templates.names)


def kind_of(obj: Obj) -> tuple[str, str]:
    """Return an object's apiVersion and kind."""
    return str(obj["apiVersion"]), str(obj["kind"])


def _number(rng: Random) -> int:
    return rng.randint(1, MAX_RAND)


def _marked(made: TemplateInstance) -> bool:
    """Return whether a template's own text asks for changes."""
    try:
        text = made.text()
    except TemplateError:
        # It is rendered again when its objects are wanted, and the user hears of it then.
        return False
    return "#refresh=false" not in text and "#refresh=true" in text


def _objects(text: str, source: str) -> Iterator[Obj]:
    line = 1
    for document in _DOCUMENT.split(text):
        if not _NOTHING.match(document):
            yield _object(document, source, line)
        line += document.count("\n")


def _object(document: str, source: str, line: int) -> Obj:
    # Lines before it keep the positions in errors right.
    data = read_data(b"\n" * (line - 1) + document.encode(), source=source)
    what = _fault(data)
    if what:
        raise ConfigError((Problem(source, line, 1, what, "see the template's text"),))
    found: Obj = data
    return found


def _fault(data: Any) -> str:
    """Return why this cannot be sent to an API server as an object; empty if it can."""
    if not isinstance(data, dict):
        return "this is not a Kubernetes object"
    for key, pattern in (("apiVersion", _API_VERSION), ("kind", _KIND)):
        if not (isinstance(data.get(key), str) and pattern.fullmatch(data[key])):
            return f"the object has no {key}, or one that cannot be"
    metadata = data.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("name") is None:
        return "the object has no metadata.name"
    name = metadata["name"]
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        return f"metadata.name cannot be {name!r}"
    if not isinstance(metadata.get("labels") or {}, dict):
        return "metadata.labels takes a mapping"
    return ""


def _as_go(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of values as Go reads them from YAML: every number is a float64."""

    def converted(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: converted(child) for name, child in value.items()}
        if isinstance(value, list):
            return [converted(child) for child in value]
        # A boolean is an int, too.
        return float(value) if type(value) is int else value

    return {name: converted(value) for name, value in values.items()}
