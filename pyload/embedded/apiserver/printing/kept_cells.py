"""The cells of built-in kinds that are only kept: no controller here acts on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver.fields import value_at
from pyload.embedded.apiserver.printing.ages import UNKNOWN, age_text
from pyload.embedded.apiserver.printing.cells import NONE, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from pyload.kube.resources import Obj

_MOST_HOSTS: Final = 3
_ACCESS_MODES: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def scheduled_containers(obj: Obj) -> list[Obj]:
    """Return the containers of a CronJob's pods."""
    found = value_at(obj, "spec", "jobTemplate", "spec", "template", "spec", "containers")
    return list(found or ())


def last_schedule(obj: Obj, now: datetime) -> str:
    """Return how long ago a CronJob made a Job."""
    last = value_at(obj, "status", "lastScheduleTime")
    return age_text(last, now) if last else NONE


def suspended(obj: Obj) -> str:
    """Return whether a CronJob makes no Jobs at the moment."""
    return str(value_at(obj, "spec", "suspend") or False)


def ingress_hosts(obj: Obj) -> str:
    """Return the first hosts of an Ingress."""
    hosts = [one["host"] for one in value_at(obj, "spec", "rules") or () if one.get("host")]
    shown = ",".join(hosts[:_MOST_HOSTS]) or "*"
    more = len(hosts) - _MOST_HOSTS
    return f"{shown} + {more} more..." if more > 0 else shown


def ingress_addresses(obj: Obj) -> str:
    """Return under which addresses an Ingress is reached."""
    found = value_at(obj, "status", "loadBalancer", "ingress") or ()
    return ",".join(str(one.get("ip") or one.get("hostname") or "") for one in found)


def ingress_ports(obj: Obj) -> str:
    """Return the ports of an Ingress."""
    return "80, 443" if value_at(obj, "spec", "tls") else "80"


def role_of(obj: Obj) -> str:
    """Return the role that a binding grants."""
    role = obj.get("roleRef") or {}
    return f"{role.get('kind', '')}/{role.get('name', '')}"


def subjects(kind: str) -> Callable[[Obj, datetime], str]:
    """Return the cell of the subjects of one kind that a binding has."""

    def cell(obj: Obj, now: datetime) -> str:
        del now
        found = [one for one in obj.get("subjects") or () if one.get("kind") == kind]
        return ", ".join(
            f"{one.get('namespace', '')}/{one['name']}" if kind == "ServiceAccount" else one["name"]
            for one in found
        )

    return cell


def quota(*, limits: bool) -> Callable[[Obj, datetime], str]:
    """Return the cell of what a quota has left, of limits or of everything else."""

    def cell(obj: Obj, now: datetime) -> str:
        del now
        used = value_at(obj, "status", "used") or {}
        hard = value_at(obj, "status", "hard") or {}
        return ", ".join(
            f"{name}: {used.get(name, 0)}/{hard[name]}"
            for name in sorted(hard)
            if name.startswith("limits") is limits
        )

    return cell


def access_modes(obj: Obj) -> str:
    """Return in which ways a volume may be mounted."""
    modes = value_at(obj, "spec", "accessModes") or ()
    return ",".join(_ACCESS_MODES.get(one, str(one)) for one in modes)


def claim_of(obj: Obj) -> str:
    """Return the claim that a volume is bound to."""
    claim = value_at(obj, "spec", "claimRef") or {}
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


def scaled_object(obj: Obj) -> str:
    """Return what an autoscaler scales."""
    about = value_at(obj, "spec", "scaleTargetRef") or {}
    return f"{about.get('kind', '')}/{about.get('name', '')}"


def autoscaler_targets(obj: Obj) -> str:
    """Return what an autoscaler aims at; nothing here measures what there is."""
    return joined(_targets(obj))


def _targets(obj: Obj) -> Iterator[Any]:
    for one in value_at(obj, "spec", "metrics") or ():
        source = one.get(one.get("type", "Resource")[:1].lower() + one.get("type", "Resource")[1:])
        target = (source or {}).get("target") or {}
        share = target.get("averageUtilization")
        wanted = target.get("averageValue") or target.get("value")
        name = (source or {}).get("name")
        aim = f"{UNKNOWN}/{wanted if share is None else f'{share}%'}"
        yield f"{name}: {aim}" if name else aim
