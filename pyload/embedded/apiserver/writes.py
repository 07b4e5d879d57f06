"""Create, update and patch: from a request's object to the stored one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import defaults, definitions, refusals, services, validation
from pyload.embedded.apiserver.bodies import read_object, with_status, without_status
from pyload.embedded.apiserver.deletion import timestamp
from pyload.embedded.apiserver.kinds import CRD, NAMESPACE, POD, SERVICE, SERVICE_ACCOUNT
from pyload.embedded.apiserver.patches import apply, patch
from pyload.embedded.apiserver.patches.apply import FieldManager
from pyload.embedded.apiserver.patches.shapes import shape_of
from pyload.embedded.apiserver.requests import (
    APPLY_PATCH,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    Reply,
    Request,
    Target,
    object_reply,
)
from pyload.embedded.apiserver.schemas import conformity
from pyload.embedded.apiserver.store import begin_life, carry_over, check_preconditions
from pyload.embedded.apiserver.versions import in_version

if TYPE_CHECKING:
    from pyload.embedded.apiserver.registry import KindRegistry
    from pyload.embedded.apiserver.service_addresses import ServiceAddresses
    from pyload.embedded.apiserver.sources import Sources
    from pyload.embedded.apiserver.store import Store
    from pyload.embedded.apiserver.stored_object import StoredObject
    from pyload.embedded.apiserver.webhooks.admission import Admission
    from pyload.kube.resources import Obj


_NAME_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_SERVER_METADATA: Final = frozenset(
    (
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    )
)


class Writes:
    """Writes a store.

    Args:
        store: The store.
        kinds: The kinds that are served.
        admission: The webhooks that writes have to pass.
        addresses: Addresses of services.
        sources: Its clock, chance and hook.
    """

    def __init__(
        self,
        store: Store,
        kinds: KindRegistry,
        admission: Admission,
        addresses: ServiceAddresses,
        sources: Sources,
    ) -> None:
        self._store = store
        self._kinds = kinds
        self._admission = admission
        self._addresses = addresses
        self._sources = sources

    def create(self, request: Request, target: Target) -> Reply:
        """Answer a POST to a collection.

        Raises:
            Refused: The object is wrong, or there already.
        """
        obj = read_object(request.body, target)
        self._check_namespace(target)
        given = obj["metadata"].get("resourceVersion", "0")
        if given != "0" and not request.dry_run:
            raise refusals.version_given()
        return self._create(request, target, obj, managed=None)

    def _create(
        self, request: Request, target: Target, obj: Obj, *, managed: list[Obj] | None
    ) -> Reply:
        """Complete, admit, validate and store a new object."""
        kind = target.kind
        if kind.ending:
            raise refusals.definition_ends()
        given = obj["metadata"]
        metadata = {name: item for name, item in given.items() if name not in _SERVER_METADATA}
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = self._generate(metadata["generateName"])
        obj["metadata"] = metadata
        obj, warnings = conformity.conform(obj, request, target)
        obj = defaults.fill(kind, obj)
        admitted = self._sources.admit(kind.resource(), obj)
        if admitted is not obj:
            obj = defaults.fill(kind, admitted)
        obj = self._admission.mutate(request, target, obj)
        now, uid = self._sources.now(), self._sources.new_uid()
        obj = defaults.admit(kind, obj, uid)
        if kind is SERVICE:
            obj = services.complete(obj, None, self._addresses)
        validation.check(kind, obj, None, more=conformity.faults(obj, None, target))
        if kind is POD:
            self._check_account(obj)
        if kind is CRD:
            obj = definitions.established(obj, None, self._kinds, self._sources.now())
        obj = self._admission.validate(request, target, obj)
        obj["metadata"] = metadata = dict(obj["metadata"])
        if self._store.get(kind, target.namespace, metadata["name"]) is not None:
            raise refusals.already_exists(kind, metadata["name"])
        if managed is None:
            writer = self._writer(request, target)
            managed = apply.managers_after_update(None, obj, writer, shape_of(kind))
        if managed:
            metadata["managedFields"] = managed
        if request.dry_run:
            begin_life(kind, obj, now=now, uid=uid)
            return object_reply(201, obj, target)
        entry = self._store.create(kind, obj, now=now, uid=uid)
        warnings += validation.unevaluated(kind, obj)
        return Reply(201, entry.json(target.api_version), warnings=warnings)

    def update(self, request: Request, target: Target) -> Reply:
        """Answer a PUT to an object or its status.

        Raises:
            Refused: The object is wrong, not there, or has changed.
        """
        kind = target.kind
        obj = read_object(request.body, target)
        entry = self._store.get(kind, target.namespace, target.name)
        if entry is None:
            if not kind.create_on_update or target.subresource:
                raise refusals.not_found(kind, target.name)
            self._check_namespace(target)
            return self._create(request, target, obj, managed=None)
        if not kind.unconditional and not obj["metadata"].get("resourceVersion"):
            raise refusals.version_required(kind, target.name)
        return self._replace(request, target, entry, obj, managed=None)

    def patch(self, request: Request, target: Target) -> Reply:
        """Answer a PATCH of an object or its status.

        Raises:
            Refused: The patch or its result is wrong, or others own fields that it applies.
        """
        kind = target.kind
        entry = self._store.get(kind, target.namespace, target.name)
        accepted = _CUSTOM_PATCHES if kind.custom else _PATCHES
        if request.content_type not in accepted:
            raise refusals.unsupported_media_type(accepted)
        if request.content_type == APPLY_PATCH:
            return self._apply(request, target, entry)
        if request.flag("force"):
            why = "force: Forbidden: may not be specified for non-apply patch"
            raise refusals.invalid_request(_PATCH_OPTIONS, why)
        if entry is None:
            raise refusals.not_found(kind, target.name)
        live = in_version(entry.obj, target.api_version)
        if request.content_type == JSON_PATCH:
            patched = patch.json_patch(live, request.body)
        elif not isinstance(request.body, dict):
            raise refusals.bad_request("error decoding patch: it is not an object")
        elif request.content_type == MERGE_PATCH:
            patched = patch.merge_patch(live, request.body)
        else:
            patched = patch.strategic_merge_patch(live, request.body, shape_of(kind))
        obj = read_object(patched, target)
        return self._replace(request, target, entry, obj, managed=None)

    def _apply(self, request: Request, target: Target, entry: StoredObject | None) -> Reply:
        """Answer a PATCH by server-side apply."""
        kind = target.kind
        if not request.query.get("fieldManager"):
            why = "fieldManager: Required value: is required for apply patch"
            raise refusals.invalid_request(_PATCH_OPTIONS, why)
        config = read_object(request.body, target)
        given = request.body.get("metadata", {})
        conformity.check_declared(config, target, given)
        if config["metadata"].get("managedFields"):
            raise refusals.bad_request("metadata.managedFields must be nil")
        writer = self._writer(request, target)
        if entry is None:
            if target.subresource:
                raise refusals.not_found(kind, target.name)
            if not given.get("name"):
                raise refusals.name_required(target.name)
            self._check_namespace(target)
            obj, managed = apply.apply(None, config, writer, shape_of(kind), force=False)
            return self._create(request, target, obj, managed=managed)
        check_preconditions(kind, entry, config["metadata"])
        obj, managed = apply.apply(
            entry.obj, config, writer, shape_of(kind), force=request.flag("force")
        )
        obj["metadata"] = dict(obj["metadata"])
        return self._replace(request, target, entry, obj, managed=managed)

    def _replace(
        self,
        request: Request,
        target: Target,
        entry: StoredObject,
        obj: Obj,
        *,
        managed: list[Obj] | None,
    ) -> Reply:
        """Complete, validate and store a new version of an object."""
        kind = target.kind
        old = entry.obj
        check_preconditions(kind, entry, obj["metadata"])
        obj, warnings = conformity.conform(obj, request, target)
        if target.subresource == "status":
            obj = self._admission.mutate(request, target, with_status(kind, obj, old), entry)
            causes = conformity.faults(obj, old, target)
            if causes:
                raise refusals.invalid(kind, target.name, causes)
        else:
            obj = self._admission.mutate(request, target, without_status(kind, obj, old), entry)
            if kind is SERVICE:
                obj = services.complete(obj, old, self._addresses)
            validation.check(kind, obj, old, more=conformity.faults(obj, old, target))
            if kind is CRD:
                obj = definitions.established(obj, old, self._kinds, self._sources.now())
            obj = self._admission.validate(request, target, obj, entry)
        metadata = obj["metadata"] = dict(obj["metadata"])
        if managed is None:
            writer = self._writer(request, target)
            managed = apply.managers_after_update(old, obj, writer, shape_of(kind))
        metadata.pop("managedFields", None)
        if managed:
            metadata["managedFields"] = managed
        if request.dry_run:
            carry_over(kind, obj, old)
            return object_reply(200, obj, target)
        metadata["resourceVersion"] = str(entry.revision)
        stored = self._store.update(kind, obj)
        warnings += validation.unevaluated(kind, obj)
        return Reply(200, stored.json(target.api_version), warnings=warnings)

    def _writer(self, request: Request, target: Target) -> FieldManager:
        manager = request.query.get("fieldManager", "")
        if not manager:
            manager = request.user_agent.partition("/")[0][:128] or "unknown"
        to_status = target.subresource == "status"
        # A Node's status may come with the Node; other kinds' status has no owner that way.
        splits = target.kind.has_status
        return FieldManager(
            manager=manager,
            api_version=target.api_version,
            time=timestamp(self._sources.now()),
            subresource="status" if to_status else "",
            owns_metadata=not (to_status and target.kind.custom),
            owns_spec=not to_status,
            owns_status=to_status or not splits,
            owns_fields_only=not target.kind.custom,
        )

    def _check_namespace(self, target: Target) -> None:
        if not target.kind.namespaced:
            return
        entry = self._store.need(NAMESPACE, "", target.namespace)
        if "deletionTimestamp" in entry.obj["metadata"]:
            raise refusals.namespace_ends(target.kind, target.name, target.namespace)

    def _check_account(self, pod: Obj) -> None:
        metadata, account = pod["metadata"], pod["spec"]["serviceAccountName"]
        namespace = metadata["namespace"]
        if self._store.get(SERVICE_ACCOUNT, namespace, account) is None:
            why = (
                f"error looking up service account {namespace}/{account}: "
                f'serviceaccount "{account}" not found'
            )
            raise refusals.forbidden(POD, metadata["name"], why)

    def _generate(self, prefix: str) -> str:
        return prefix[:58] + "".join(self._sources.rng.choices(_NAME_LETTERS, k=5))


_PATCHES: Final = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)
_CUSTOM_PATCHES: Final = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)
_PATCH_OPTIONS: Final = "PatchOptions.meta.k8s.io"
