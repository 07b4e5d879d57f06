"""The calls that two API servers get, whatever the two are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.embedded.apiserver.scenarios import calls

if TYPE_CHECKING:
    from tests.embedded.apiserver.scenarios.peers import Call


class CallRules(RuleBasedStateMachine):
    """Sends random calls; those that inherit it say to which servers, and compare the answers."""

    def both(self, call: Call) -> object:
        """Send a call to both servers, and compare the answers."""
        raise NotImplementedError

    @rule(call=calls.creates())
    def create(self, call: Call) -> None:
        """Create an object."""
        self.both(call)

    @rule(call=calls.updates())
    def update(self, call: Call) -> None:
        """Replace an object."""
        self.both(call)

    @rule(call=calls.merges() | calls.operations())
    def patch(self, call: Call) -> None:
        """Patch an object."""
        self.both(call)

    @rule(call=calls.applies())
    def apply(self, call: Call) -> None:
        """Apply a configuration."""
        self.both(call)

    @rule(call=calls.statuses())
    def write_status(self, call: Call) -> None:
        """Write a status."""
        self.both(call)

    @rule(call=calls.lists() | calls.deletes() | calls.deletes() | calls.collections())
    def delete(self, call: Call) -> None:
        """Delete an object, or those of a label; or only list them."""
        self.both(call)
