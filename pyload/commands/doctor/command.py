"""``pyload doctor``: gathers the facts, from the kubeconfig to the limits of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pyload.commands.doctor import ask_api_server, ask_control_plane
from pyload.commands.doctor.api_server import ApiServerFacts, api_server_findings
from pyload.commands.doctor.cluster import ClusterFacts, injection_findings
from pyload.commands.doctor.control_plane import ControlPlaneFacts, control_plane_findings
from pyload.commands.doctor.findings import Section, Unknown, unknown
from pyload.commands.doctor.greeting import Greeting
from pyload.commands.doctor.kwok import kwok_findings
from pyload.commands.doctor.machine import machine_findings
from pyload.commands.doctor.permissions import permission_findings, questions
from pyload.errors import (
    ClusterUnreachable,
    ControlPlaneUnreachable,
    PyloadError,
    UnreachableError,
    UsageError,
)
from pyload.harness.connection import Connection, check_control_plane
from pyload.harness.fleets import workers_of
from pyload.harness.host import read_machine, requirements_of
from pyload.harness.rights import RIGHTS
from pyload.harness.servers import (
    Endpoints,
    assemble,
    connect_api_server,
    embedded_servers,
    identity_of,
)
from pyload.harness.trust import check_tls, find_roots
from pyload.kube.target import description, locate
from pyload.tasks import Supervisor
from pyload.xds.credentials import uses_tls
from pyload.xds.tls import server_names

if TYPE_CHECKING:
    from pyload.commands.doctor.control_plane import IstiodPod
    from pyload.harness.istiod_sources import Source
    from pyload.harness.servers import Servers
    from pyload.kube.client import Client
    from pyload.report.istiod_metrics import IstiodPage
    from pyload.xds.credentials import Auth

PROXIES: Final = 1000
"""Number of proxies that have to fit, unless the user names one."""

_NO_CLIENT: Final = Unknown("there is no API server")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """Options of `run_doctor`.

    Attributes:
        command: The run that is meant, as in `RIGHTS`.
        proxies: How many proxies it is to have; None if the user did not say.
        embedded: Examine the embedded servers.
        connection: The flags about the servers.
    """

    command: str = "cluster"
    proxies: int | None = None
    embedded: bool = False
    connection: Connection = field(default_factory=Connection)

    def __post_init__(self) -> None:
        if self.command not in RIGHTS:
            raise UsageError(
                f"there is nothing to check for {self.command}",
                fix=f"choose one of {', '.join(one for one in RIGHTS if ' ' not in one)}",
            )
        if self.proxies is not None and self.proxies < 1:
            raise UsageError(f"--proxies {self.proxies} is below 1", fix="give 1 or more")


async def run_doctor(options: DoctorOptions) -> tuple[Section, ...]:
    """Make all checks, and return what they have found.

    Raises:
        UsageError: The flags make no sense.
    """
    auth = options.connection.check()
    if options.embedded:
        auth = replace(options.connection, auth=options.connection.auth or "plaintext").check()
        async with (
            Supervisor() as background,
            embedded_servers(options.connection, background, proxies=1) as servers,
        ):
            facts = ApiServerFacts(target="the embedded API server")
            return await Examination(options, auth).run(facts, servers.client, servers)
    facts = await _target(options.connection)
    async with contextlib.AsyncExitStack() as stack:
        client = None
        if facts.error is None:
            try:
                client = await stack.enter_async_context(
                    connect_api_server(
                        options.connection, embeddable=False, patience=ask_api_server.SECONDS
                    )
                )
            except PyloadError as error:
                facts = replace(facts, error=error)
            except TimeoutError:
                silent = f"the API server gives no answer in {ask_api_server.SECONDS:g} s"
                facts = replace(facts, error=ClusterUnreachable(silent, fix="look at its log"))
        return await Examination(options, auth).run(facts, client, None)


async def _target(connection: Connection) -> ApiServerFacts:
    """Return which API server is meant."""
    identity = identity_of(connection)
    try:
        selected = await asyncio.to_thread(
            locate, connection.kubeconfig or None, environ=os.environ, identity=identity
        )
        text = description(selected, identity)
    except PyloadError as error:
        return ApiServerFacts(error=error)
    if selected is None and "KUBERNETES_SERVICE_HOST" not in os.environ:
        return ApiServerFacts()
    return ApiServerFacts(target=text if selected is None else f"{selected.source}: {text}")


class Examination:
    """One examination.

    Args:
        options: The options.
        auth: How proxies authenticate.
    """

    def __init__(self, options: DoctorOptions, auth: Auth) -> None:
        self._options = options
        self._connection = options.connection
        self._auth = auth
        self._proxies = options.proxies or PROXIES

    async def run(
        self, facts: ApiServerFacts, client: Client | None, servers: Servers | None
    ) -> tuple[Section, ...]:
        """Make all checks.

        Args:
            facts: What is known of the API server so far.
            client: The API server; None without one.
            servers: The embedded servers; None for the user's own.
        """
        istiods: list[IstiodPod] | Unknown = _NO_CLIENT
        sections = []
        if client is None:
            sections.append(Section("API server", tuple(api_server_findings(facts))))
        else:
            version, user, istiods = await asyncio.gather(
                ask_api_server.asked(ask_api_server.version(client)),
                ask_api_server.asked(ask_api_server.user(client)),
                ask_api_server.asked(ask_api_server.istiods(client)),
            )
            facts = replace(facts, version=version, user=user)
            sections.append(Section("API server", tuple(api_server_findings(facts))))
            name = "" if isinstance(user, Unknown) else user.name
            sections.append(await self._rights(client, name))
            sections.append(await self._cluster(client, istiods))
        sections.append(await self._control_plane(client, servers, istiods))
        sections.append(self._machine(served_here=servers is not None))
        return tuple(sections)

    async def _rights(self, client: Client, user: str) -> Section:
        command = self._options.command
        wanted = questions(
            RIGHTS[command], tokens=self._auth != "plaintext", tls=uses_tls(self._auth)
        )
        answers = await ask_api_server.rights(client, wanted)
        return Section(
            f"Permissions for {command}", tuple(permission_findings(command, answers, user))
        )

    async def _cluster(self, client: Client, istiods: list[IstiodPod] | Unknown) -> Section:
        facts: ClusterFacts = await ask_api_server.cluster(client, istiods)
        kwok = self._options.command.endswith("kwok")
        return Section("Cluster", (*injection_findings(facts), *kwok_findings(facts, wanted=kwok)))

    def _machine(self, *, served_here: bool) -> Section:
        requirements = requirements_of(
            self._connection,
            self._auth,
            address=self._connection.pilot_address,
            proxies=self._proxies,
            workers=workers_of(None, proxies=self._proxies),
            served_here=served_here,
        )
        asked = self._options.proxies is not None
        return Section(
            "This machine", tuple(machine_findings(requirements, read_machine(), asked=asked))
        )

    async def _control_plane(
        self, client: Client | None, servers: Servers | None, istiods: list[IstiodPod] | Unknown
    ) -> Section:
        address = self._connection.pilot_address if servers is None else servers.address
        title = f"Control plane {address}"
        if servers is not None:
            facts = ControlPlaneFacts(address=address, auth=self._auth, embedded=True)
            facts = await self._greeted(facts, servers)
        elif client is None and self._auth != "plaintext":
            why = f"--auth {self._auth} needs a token of the API server, which cannot be reached"
            return Section(title, (unknown("control plane", why),))
        else:
            facts = await self._own_control_plane(client)
        facts = replace(facts, pods=istiods)
        return Section(title, tuple(control_plane_findings(facts, proxies=self._proxies)))

    async def _own_control_plane(self, client: Client | None) -> ControlPlaneFacts:
        address = self._connection.pilot_address
        facts = ControlPlaneFacts(address=address, auth=self._auth)
        roots, names = b"", dict[str, str]()
        expected = server_names(address, os.environ.get("ISTIOD_SAN", ""))
        try:
            if uses_tls(self._auth):
                if client is not None:
                    roots = await find_roots(self._connection, client)
                name = await check_tls(address, roots, expected)
                names = {address: name} if roots else {}
            else:
                await check_control_plane(address)
        except (UnreachableError, UsageError) as error:
            return replace(facts, error=error)
        endpoints = Endpoints(client, address, self._auth, roots, names)
        async with assemble(self._connection, endpoints, proxies=1) as servers:
            facts = await self._greeted(replace(facts, verified=bool(roots)), servers)
        if not isinstance(facts.first, Greeting) and not uses_tls(self._auth):
            facts = replace(facts, speaks_tls=await _speaks_tls(address))
        return facts

    async def _greeted(self, facts: ControlPlaneFacts, servers: Servers) -> ControlPlaneFacts:
        """Add what a sidecar is sent, and the metrics."""
        delta, node = self._connection.delta, self._connection.node_options()
        first = await ask_control_plane.greet(servers.resolver, delta=delta, node=node)
        facts = replace(facts, first=first)
        if not isinstance(first, Greeting):
            return facts
        spread = await ask_control_plane.spread(servers.resolver, delta=delta, node=node)
        return replace(facts, spread=spread, pages=await _pages(servers.istiod_source))


async def _speaks_tls(address: str) -> bool:
    try:
        await check_tls(address, b"", ("",))
    except ControlPlaneUnreachable:
        return False
    return True


async def _pages(source: Source | None) -> tuple[IstiodPage, ...] | Unknown:
    if source is None:
        return Unknown("they are not to be read")
    reading = await source.read()
    if not reading.pages:
        return Unknown("; ".join(reading.problems))
    return tuple(reading.pages.values())
