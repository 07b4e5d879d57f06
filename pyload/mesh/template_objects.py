"""The objects of the templates of one application or namespace, in a running mesh.

A template may yield other objects at each rendering, or the same ones by other names. So what was
written is kept by template: after a change, objects that the template no longer yields are deleted,
and if that fails, the next change tries again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.concurrency import gather_errors
from pyload.errors import PyloadError
from pyload.mesh.api_versions import find_kinds
from pyload.mesh.template_instance import kind_of
from pyload.mesh.writer import entry_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from pyload.kube.resources import Obj, Resource
    from pyload.mesh.ledger import Entry
    from pyload.mesh.template_instance import TemplateInstance
    from pyload.mesh.writer import Writer


class TemplateObjects:
    """Writes the objects of templates, and keeps track of their names.

    Args:
        templates: The templates, at the start.
        writer: Writes the objects.
        kinds: The kinds as the API server serves them, by apiVersion and kind; extended by kinds
            that only a later rendering yields.
        run_id: Value of the run label.

    Attributes:
        templates: The templates as they are now.
    """

    __slots__ = ("_kinds", "_run_id", "_writer", "_written", "templates")

    def __init__(
        self,
        templates: Sequence[TemplateInstance],
        *,
        writer: Writer,
        kinds: dict[tuple[str, str], Resource],
        run_id: str,
    ) -> None:
        self.templates = list(templates)
        self._written: list[tuple[Entry, ...]] = [() for _ in templates]
        self._writer = writer
        self._kinds = kinds
        self._run_id = run_id

    async def write(self, index: int) -> None:
        """Write the objects of a template, one after another.

        Raises:
            PyloadError: An object cannot be rendered or written; the ones before it are kept.
        """
        await self._replace(index, self.templates[index])

    async def refresh(self, index: int, rng: Random) -> tuple[Entry, ...]:
        """Change the objects of a template, and return the entries of the new ones.

        An object that has another name from now on is deleted under the old one.

        Raises:
            PyloadError: An object cannot be rendered, written or deleted; the next refresh
                removes the objects that are too many.
        """
        before = self._written[index]
        new = self.templates[index].refreshed(rng)
        await self._replace(index, new)
        self.templates[index] = new
        written, delete = self._written[index], self._writer.delete
        stale = [entry for entry in before if entry not in written]
        errors = await gather_errors([delete(entry) for entry in stale], name="refresh")
        if errors:
            left = tuple(entry for entry in stale if entry in self._writer.ledger)
            self._written[index] = (*written, *left)
            raise errors[0]
        return written

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries of all objects, those of the last template first."""
        return tuple(entry for entries in self._written for entry in entries)[::-1]

    async def _replace(self, index: int, instance: TemplateInstance) -> None:
        written: list[Entry] = []
        try:
            for obj in instance.objects(self._run_id):
                resource = await self._kind(obj)
                metadata = dict(obj["metadata"])
                if not resource.namespaced:
                    del metadata["namespace"]
                placed = {**obj, "apiVersion": resource.api_version, "metadata": metadata}
                written.append(entry_of(resource, placed))
                await self._writer.place(resource, placed)
        except PyloadError:
            self._written[index] = tuple(dict.fromkeys((*self._written[index], *written)))
            raise
        self._written[index] = tuple(dict.fromkeys(written))

    async def _kind(self, obj: Obj) -> Resource:
        kind = kind_of(obj)
        if kind not in self._kinds:
            self._kinds.update(await find_kinds(self._writer.client, [kind]))
        return self._kinds[kind]
