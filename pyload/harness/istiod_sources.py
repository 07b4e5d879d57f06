"""Where the metrics of istiods are read: a URL, the pods of a cluster, or this process.

``--istiod-metrics auto`` looks at port 15014 of the control plane first, and then for istiod's
pods, through the API server. Through a Service only one of several istiods answers at that port; if
the one that does is among the pods, all of them are read.

No reading takes longer than `READ_SECONDS`, or reads more than `PAGE_BYTES` of a page.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from pyload.errors import ApiError, PyloadError, UsageError
from pyload.report.istiod_metrics import parse_page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj
    from pyload.report.istiod_metrics import IstiodPage

PORT: Final = 15014
READ_SECONDS: Final = 3.0
PAGE_BYTES: Final = 32 * 1024 * 1024

NONE: Final = ("", "none")
AUTO: Final = "auto"

_NAMESPACE: Final = "istio-system"
_SERVICE: Final = re.compile(r"[^.]+\.([^.]+)\.svc(?:\..*)?")
_LABEL: Final = "app=istiod"

_FORWARD: Final = f"`kubectl -n istio-system port-forward deploy/istiod {PORT}`"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the istiods said at one moment.

    Attributes:
        pages: Their pages, by where they were read.
        problems: Why others could not be read.
    """

    pages: Mapping[str, IstiodPage] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class Source(Protocol):
    """Where the metrics of all istiods of a run are read.

    Attributes:
        name: What it is called in the result.
    """

    name: str

    async def read(self) -> Reading:
        """Read the metrics of now."""
        ...


class Embedded:
    """The control plane of this process.

    Args:
        page: Returns its metrics page.
    """

    def __init__(self, page: Callable[[], bytes]) -> None:
        self.name = "embedded"
        self._page = page

    async def read(self) -> Reading:
        """Read the metrics of now."""
        page = await _parsed(self._page())
        assert page is not None, "the embedded control plane has a page like istiod's"
        return Reading({self.name: page})


class Urls:
    """Istiods at addresses of their own.

    Args:
        urls: A URL of each.
        get: Reads a URL.
    """

    def __init__(
        self, urls: Iterable[str], get: Callable[[str], Awaitable[bytes]] | None = None
    ) -> None:
        self._urls = tuple(urls)
        self._get = get or _get
        self.name = ", ".join(self._urls)

    async def read(self) -> Reading:
        """Read the metrics of now."""
        return await _read_all({url: self._get(url) for url in self._urls})


class Pods:
    """Istiod's pods, which are read through the API server, whichever there are at the moment.

    Args:
        client: The API server.
        namespace: Where they run.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self.name = f"pods in {namespace}"

    async def read(self) -> Reading:
        """Read the metrics of now."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                names, _ = await self._client.list(
                    self._path, label_selector=_LABEL, project=_name_if_running
                )
        except (PyloadError, TimeoutError) as error:
            return Reading(problems=(f"{self.name}: {_text(error)}",))
        if not any(names):
            return Reading(problems=(f"no pod with {_LABEL} runs in {self._path.split('/')[4]}",))
        return await _read_all({name: self._page(name) for name in names if name})

    async def _page(self, name: str) -> bytes:
        path = f"{self._path}/{name}:{PORT}/proxy/metrics"
        return await self._client.read_text(path, at_most=PAGE_BYTES)


class Auto:
    """The first of the usual places where an istiod answers; found out by the first reading.

    Args:
        address: The control plane, ``HOST:PORT``; empty without one.
        client: The API server; None without one.
        get: Reads a URL.

    Attributes:
        name: As of `Source`; empty before the first reading, and where there is none.
    """

    def __init__(
        self,
        address: str,
        client: Client | None,
        get: Callable[[str], Awaitable[bytes]] | None = None,
    ) -> None:
        host = address.rpartition(":")[0]
        service = _SERVICE.fullmatch(host)
        namespace = service[1] if service else _NAMESPACE
        self.name = ""
        self._port = Urls([f"http://{host}:{PORT}/metrics"], get) if host else None
        self._pods = None if client is None else Pods(client, namespace)
        self._found: Source | None = None

    async def read(self) -> Reading:
        """Read the metrics of now."""
        if self._found is not None:
            return await self._found.read()
        at_port, in_pods = Reading(), Reading()
        if self._port is not None:
            at_port = await self._port.read()
        if self._pods is not None:
            in_pods = await self._pods.read()
        started = {page.started for page in in_pods.pages.values()}
        answers = list(at_port.pages.values())
        if in_pods.pages and all(page.started in started for page in answers):
            self._found, reading = self._pods, in_pods
        elif at_port.pages:
            self._found, reading = self._port, at_port
        else:
            return Reading(problems=(*at_port.problems, *in_pods.problems))
        self.name = "" if self._found is None else self._found.name
        return reading


def source_of(
    flag: str, address: str, client: Client | None, page: Callable[[], bytes] | None = None
) -> Source | None:
    """Return where the istiods of a run are read; None for nowhere.

    Args:
        flag: The value of ``--istiod-metrics``.
        address: The control plane, ``HOST:PORT``; empty without one.
        client: The API server; None without one.
        page: Returns the metrics of a control plane in this process; None for another.

    Raises:
        UsageError: The flag makes no sense.
    """
    if flag in NONE:
        return None
    if flag != AUTO:
        return Urls(_urls(flag))
    return Auto(address, client) if page is None else Embedded(page)


def check_flag(flag: str) -> None:
    """Check the value of ``--istiod-metrics``.

    Raises:
        UsageError: It makes no sense.
    """
    if flag not in (*NONE, AUTO):
        _urls(flag)


def _urls(flag: str) -> tuple[str, ...]:
    return tuple(_url(text.strip()) for text in flag.split(",") if text.strip())


def _url(text: str) -> str:
    whole = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(whole)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        good = None
    if not good:
        raise UsageError(
            f"--istiod-metrics {text} is not a URL",
            fix=f"write http://HOST:{PORT}/metrics, auto or none",
        )
    return parts._replace(path=parts.path or "/metrics").geturl()


def hint(problems: Iterable[str]) -> str:
    """Return what a user can do about istiods that could not be read."""
    if any("forbidden" in one for one in problems):
        return "allow `get` on pods/proxy and `list` on pods there, or use --istiod-metrics URL"
    return f"try {_FORWARD}, or --istiod-metrics URL"


def _name_if_running(pod: Obj) -> str:
    running = (pod.get("status") or {}).get("phase") == "Running"
    return str(pod["metadata"]["name"]) if running else ""


async def _get(url: str) -> bytes:
    from pyload.harness.read_url import read_url  # noqa: PLC0415 - most runs need none

    return await read_url(url, seconds=READ_SECONDS, at_most=PAGE_BYTES)


async def _read_all(pages: Mapping[str, Awaitable[bytes]]) -> Reading:
    """Read the pages of several istiods at the same time."""
    read = await asyncio.gather(*(_read(place, page) for place, page in pages.items()))
    return Reading(
        {place: page for place, page in zip(pages, read, strict=True) if not isinstance(page, str)},
        tuple(problem for problem in read if isinstance(problem, str)),
    )


async def _read(place: str, page: Awaitable[bytes]) -> IstiodPage | str:
    """Return the page of an istiod, or why there is none."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            read = await _parsed(await page)
    except (PyloadError, OSError) as error:
        return f"{place}: {_text(error)}"
    return f"{place}: not a metrics page of istiod" if read is None else read


async def _parsed(page: bytes) -> IstiodPage | None:
    """Parse a page in a thread: the first time this imports a library, which takes 60 ms."""
    return await asyncio.to_thread(parse_page, page)


def _text(error: BaseException) -> str:
    if isinstance(error, ApiError) and error.status == 403:
        return "forbidden"
    if isinstance(error, TimeoutError):
        return f"no answer in {READ_SECONDS:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return str(error) or type(error).__name__
