"""Whether a control plane serves a sidecar, which one it is, and how fast it lets others in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.commands.doctor.findings import NOT_ASKED, Unknown, ok, problem, unknown, warning
from pyload.commands.doctor.greeting import Greeting
from pyload.mesh.preview import ADMITTED
from pyload.xds.credentials import uses_tls, uses_token

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyload.commands.doctor.findings import Finding
    from pyload.commands.doctor.greeting import Refusal
    from pyload.errors import PyloadError
    from pyload.report.istiod_metrics import IstiodPage
    from pyload.xds.credentials import Auth

CHECK: Final = "control plane"
STREAMS: Final = 8
"""Streams that are opened at once to see how fast they are let in."""

LIMITER: Final = "PILOT_MAX_REQUESTS_PER_SECOND"
_PATIENCE: Final = 30.0
"""Seconds that the proxies of a run may take to connect before a warning."""
_RAISED: Final = 3
"""Streams that are served this many times faster than by default were not held back."""


@dataclass(frozen=True, slots=True)
class IstiodPod:
    """A pod of istiod.

    Attributes:
        name: Its name.
        node: The node that it runs on.
        environment: Its container's variables.
        running: Whether it runs.
        image: Its container's image.
    """

    name: str
    node: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    running: bool = True
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlaneFacts:
    """What is known of a control plane.

    Attributes:
        address: ``HOST:PORT``.
        auth: How proxies authenticate there.
        error: Why it cannot be reached or verified; None if it can.
        verified: Whether its certificate was verified.
        speaks_tls: Whether it answers TLS; None where that was not tried.
        first: Its first response, or why there was none; None where nothing was sent.
        pages: Metrics of the istiods.
        pods: Pods of the istiods.
        spread: Seconds between the first and the last of `STREAMS` that were served; None if not
            all were.
        embedded: Whether it is the one of this process.
    """

    address: str
    auth: Auth
    error: PyloadError | None = None
    verified: bool = False
    speaks_tls: bool | None = None
    first: Greeting | Refusal | None = None
    pages: Sequence[IstiodPage] | Unknown = NOT_ASKED
    pods: Sequence[IstiodPod] | Unknown = NOT_ASKED
    spread: float | None = None
    embedded: bool = False


def control_plane_findings(facts: ControlPlaneFacts, *, proxies: int) -> Iterator[Finding]:
    """Yield what is right and wrong with a control plane.

    Args:
        facts: What is known of it.
        proxies: Number of proxies that are to connect.
    """
    if facts.error is not None:
        yield problem(CHECK, facts.error.what, facts.error.fix, exit_code=3)
        return
    if isinstance(facts.first, Greeting):
        yield from _served(facts, facts.first)
        yield _limiter(facts, proxies)
    elif facts.first is not None:
        yield _refused(facts, facts.first)


def _served(facts: ControlPlaneFacts, first: Greeting) -> Iterator[Finding]:
    yield ok(
        CHECK,
        f"{facts.address} serves a sidecar with --auth {facts.auth}: {first.resources} clusters "
        f"within {first.seconds * 1000:,.0f} ms",
    )
    if uses_tls(facts.auth) and not (facts.verified or facts.embedded):
        yield warning(
            CHECK,
            "its certificate is not verified",
            "name the CA by --ca-file, or allow `get` on the ConfigMap "
            "istio-system/istio-ca-root-cert",
        )
    versions = [] if isinstance(facts.pages, Unknown) else [one.version for one in facts.pages]
    known = ", ".join(sorted({one for one in versions if one}))
    images = {one.image for one in _pods(facts)}
    if facts.embedded:
        yield ok("version", "it is the control plane of this process, which is not istiod")
    elif first.sender:
        yield ok("version", f"it is {first.sender}")
    elif known:
        yield ok("version", f"its metrics say version {known}")
    elif any(images):
        yield ok("version", f"its pods run {', '.join(sorted(images))}")
    else:
        yield unknown("version", "it names neither itself nor its version")
    if isinstance(facts.pages, Unknown) and not facts.embedded:
        yield unknown("istiod's metrics", facts.pages.why, "see --istiod-metrics")


def _refused(facts: ControlPlaneFacts, refusal: Refusal) -> Finding:
    text = f"{refusal.status}: {refusal.message}" if refusal.message else refusal.status
    what = f"{facts.address} serves no sidecar with --auth {facts.auth} ({text})"
    if refusal.status == "SILENCE":
        what = f"{facts.address} takes a sidecar's request, and sends nothing: {refusal.message}"
    if facts.auth in ("plaintext", "plaintext-jwt") and facts.speaks_tls:
        fix = "the port speaks TLS: choose --auth jwt, or name the port without (15010)"
    elif refusal.status == "TOKEN":
        what = f"there is no token to show at {facts.address}: {refusal.message}"
        fix = "allow `create` on serviceaccounts/token, or use port 15010 with --auth plaintext"
    elif refusal.status == "CERTIFICATE":
        what = f"there is no certificate to show at {facts.address}: {refusal.message}"
        fix = "check --ca-address, or choose --auth jwt"
    elif refusal.status in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        fix = (
            "istiod reviews tokens at its own API server: is it that of the kubeconfig, and is "
            "its clusterID Kubernetes?"
            if uses_token(facts.auth)
            else "choose --auth jwt"
        )
    elif refusal.status == "RESOURCE_EXHAUSTED":
        fix = f"set {LIMITER}=1000 on istiod, or lower --connect-rate of other runs"
    elif refusal.status == "UNIMPLEMENTED":
        fix = "name an xDS server by --pilot-address; one of before Istio 1.12 needs --delta=false"
    elif refusal.status == "SILENCE":
        fix = "check that istiod is ready (`kubectl -n istio-system get pods`)"
    else:
        fix = "check --pilot-address and --auth: 15010 is plaintext, 15012 is jwt"
    return problem(CHECK, what, fix, exit_code=3)


def default_rate(cores: float) -> float:
    """Return the new streams per second that an istiod of these cores lets in by default."""
    return min(15 + 5 * cores, ADMITTED[1])


def _limiter(facts: ControlPlaneFacts, proxies: int) -> Finding:
    if facts.embedded:
        return ok("limiter", "it lets new streams in as fast as they come")
    istiods = _istiods(facts)
    set_to = _set_rate(facts)
    if set_to is not None:
        rate, why = set_to * istiods, f"{LIMITER}={set_to:g}"
    else:
        cores = _cores(facts)
        default = default_rate(cores) if cores else float(ADMITTED[0])
        # One istiod serves the streams of one port-forward, and several those of a Service.
        slowest = (STREAMS - 1) / (default_rate(cores) if cores else ADMITTED[1])
        if facts.spread is not None and facts.spread < slowest / istiods / _RAISED:
            return ok(
                "limiter",
                f"it let {STREAMS} streams in within {facts.spread * 1000:.0f} ms, faster than "
                f"{LIMITER} does by default",
            )
        rate = default * istiods
        why = f"the default of {cores:g} cores" if cores else "the default of 2 cores"
    seconds = proxies / rate
    what = (
        f"istiod lets {rate:g} new streams in each second ({why}): {proxies:,} proxies take "
        f"{seconds:.0f} s or longer to connect"
    )
    if seconds <= _PATIENCE:
        return ok("limiter", what)
    return warning(
        "limiter", what, f"set {LIMITER}=1000 on istiod, unless this limit is what you measure"
    )


def _istiods(facts: ControlPlaneFacts) -> int:
    return max(1, sum(one.running for one in _pods(facts)))


def _pods(facts: ControlPlaneFacts) -> Sequence[IstiodPod]:
    return () if isinstance(facts.pods, Unknown) else facts.pods


def _set_rate(facts: ControlPlaneFacts) -> float | None:
    """Return the rate that the user has set; None for the default, and where it is not known."""
    for pod in _pods(facts):
        try:
            rate = float(pod.environment.get(LIMITER, ""))
        except ValueError:
            continue
        if rate > 0:
            return rate
    return None


def _cores(facts: ControlPlaneFacts) -> float | None:
    pages = () if isinstance(facts.pages, Unknown) else facts.pages
    cores = [one.levels.get("go_sched_gomaxprocs_threads", 0.0) for one in pages]
    return min((one for one in cores if one), default=None)
