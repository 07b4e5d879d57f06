"""Which objects a run may write over and delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.errors import UsageError
from pyload.kube.decision import Create, Leave, Replace
from pyload.kube.resources import CONFIG_MAPS, NAMESPACES
from pyload.mesh.ledger import Entry, Ledger
from pyload.mesh.ownership import Ownership

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

ENTRY = Entry(CONFIG_MAPS, "prod", "settings")
NAMESPACE = Entry(NAMESPACES, "", "prod")
GOING = "2026-01-01T00:00:00Z"


def settings(*, run: str = "", **metadata: object) -> Obj:
    """Make an object; without a run it is somebody else's."""
    labels = {"pyload.dev/run": run} if run else {}
    return {"metadata": {"name": "settings", "labels": labels, **metadata}, "data": {"run": run}}


OURS = settings(run="now")


@pytest.fixture
def ledger() -> Ledger:
    """An empty ledger."""
    return Ledger()


@pytest.fixture
def ownership(ledger: Ledger) -> Ownership:
    """The ownership of a run that has written nothing."""
    return Ownership(ledger, run_id="now")


def test_an_object_of_a_free_name_is_created_and_the_runs(
    ownership: Ownership, ledger: Ledger
) -> None:
    """Objects that the run has created would stay for ever."""
    decision = ownership.decide(ENTRY, OURS, None)

    assert decision == Create(OURS)
    assert ENTRY not in ledger
    assert not ownership.begin(ENTRY, decision)
    assert ENTRY in ledger


def test_an_object_of_another_run_is_refused(ownership: Ownership, ledger: Ledger) -> None:
    """A run that is under way would lose its objects to one that ends before it (A3)."""
    with pytest.raises(UsageError, match="ConfigMap prod/settings belongs to run other"):
        ownership.decide(ENTRY, OURS, settings(run="other"))

    assert ENTRY not in ledger
    assert ownership.owns(ENTRY, settings(run="other", deletionTimestamp=GOING))


@pytest.mark.parametrize("run", ["now", "an-earlier-one"])
def test_an_object_of_any_run_is_replaced_and_the_runs_if_it_adopts(
    ledger: Ledger, run: str
) -> None:
    """Objects that a killed run has left would pass for somebody else's, and stay for ever."""
    ownership = Ownership(ledger, run_id="now", adopts=True)
    before = settings(run=run)
    decision = ownership.decide(ENTRY, OURS, before)
    ownership.begin(ENTRY, decision)

    assert decision == Replace(OURS, before)
    assert ENTRY in ledger


def test_somebody_elses_object_keeps_its_metadata_and_gets_no_run_label(
    ownership: Ownership, ledger: Ledger
) -> None:
    """Its owner would lose labels and finalizers, and the next run would delete it."""
    before = settings(
        labels={"team": "shop"},
        annotations={"owner": "shop"},
        finalizers=["shop.example.com/keep"],
        managedFields=[{"manager": "shop"}],
    )
    ours = {**OURS, "metadata": {**OURS["metadata"], "annotations": {"a": "b"}}}
    decision = ownership.decide(ENTRY, ours, before)

    assert isinstance(decision, Replace)
    assert not decision.ours
    assert decision.obj == {
        "metadata": {
            "name": "settings",
            "labels": {"team": "shop"},
            "annotations": {"owner": "shop", "a": "b"},
            "finalizers": ["shop.example.com/keep"],
        },
        "data": {"run": "now"},
    }
    assert [ownership.begin(ENTRY, decision) for _ in range(2)] == [True, False]
    assert ENTRY not in ledger


def test_what_was_somebody_elses_stays_so_until_it_is_gone(
    ownership: Ownership, ledger: Ledger
) -> None:
    """A run label that got there somehow would make the object the run's at the second write."""
    ownership.begin(ENTRY, ownership.decide(ENTRY, OURS, settings()))
    again = ownership.decide(ENTRY, OURS, settings(run="now"))
    assert isinstance(again, Replace)
    assert not again.ours

    ownership.begin(ENTRY, ownership.decide(ENTRY, OURS, None))
    assert not ownership.is_not_ours(ENTRY)
    assert ENTRY in ledger


def test_what_is_in_a_namespace_of_the_run_is_the_runs(
    ownership: Ownership, ledger: Ledger
) -> None:
    """Its default service account, which a controller makes, would be written around for ever."""
    assert not ownership.owns(ENTRY, settings())
    ledger.open(NAMESPACE)

    assert ownership.is_inside(ENTRY)
    assert ownership.decide(ENTRY, OURS, settings()) == Replace(OURS, settings())


def test_a_namespace_that_is_being_deleted_is_left_alone(
    ownership: Ownership, ledger: Ledger
) -> None:
    """The run's label on it would have `pyload cleanup` claim what others are deleting."""
    before = settings(deletionTimestamp=GOING)
    decision = ownership.decide(NAMESPACE, OURS, before)
    ownership.begin(NAMESPACE, decision)

    assert decision == Leave(before)
    assert NAMESPACE not in ledger


def test_an_object_that_is_being_deleted_is_the_runs_from_now_on(ownership: Ownership) -> None:
    """The next of its name, which the write becomes, would never be deleted."""
    decision = ownership.decide(ENTRY, OURS, settings(deletionTimestamp=GOING))

    assert isinstance(decision, Replace)
    assert decision.ours


@pytest.mark.parametrize(
    ("refused", "known", "kept", "uncertain"),
    [
        (True, False, False, False),
        (True, True, True, False),
        (False, False, True, True),
        (False, True, True, False),
    ],
)
def test_what_a_failed_write_leaves_unknown_is_kept_track_of(
    ownership: Ownership, ledger: Ledger, *, refused: bool, known: bool, kept: bool, uncertain: bool
) -> None:
    """An object that the server created before it failed would stay for ever."""
    ledger.open(ENTRY)
    ownership.failed(ENTRY, OURS, refused=refused, known=known)

    assert (ENTRY in ledger) == kept
    assert ownership.is_uncertain(ENTRY) == uncertain


@pytest.mark.parametrize(
    ("found", "ours"),
    [(OURS, True), (settings(run="another"), False), (settings(), False), (None, False)],
    ids=["the run's", "another run's", "somebody else's", "gone"],
)
def test_an_uncertain_object_is_deleted_only_if_it_is_the_runs(
    ownership: Ownership, ledger: Ledger, found: Obj | None, *, ours: bool
) -> None:
    """Somebody's object, created under that name in the meantime, would be deleted."""
    ledger.open(ENTRY)
    ownership.failed(ENTRY, OURS, refused=False, known=False)

    assert ownership.verify(ENTRY, found) == ours
    assert (ENTRY in ledger) == ours


def test_a_write_that_succeeds_ends_the_uncertainty(ownership: Ownership, ledger: Ledger) -> None:
    """Each deletion of the run would cost a request more."""
    ledger.open(ENTRY)
    ownership.failed(ENTRY, OURS, refused=False, known=False)
    ownership.succeeded(ENTRY)

    assert not ownership.is_uncertain(ENTRY)
    assert ENTRY in ledger
