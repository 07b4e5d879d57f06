"""What happens to a scenario that lacks what it needs."""

from __future__ import annotations

import pytest

from tests.e2e.needs import REQUIRE, program


def test_a_scenario_is_skipped_by_the_name_of_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A person without a browser could not run the other scenarios."""
    monkeypatch.setenv(REQUIRE, "envoy,kubectl")

    with pytest.raises(pytest.skip.Exception, match="needs no-browser: a package"):
        program("no-browser", source="a package")


def test_what_is_required_is_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI would be green for ever after an install step broke."""
    monkeypatch.setenv(REQUIRE, "envoy, no-browser")

    with pytest.raises(pytest.fail.Exception, match=f"{REQUIRE} names it"):
        program("no-browser", source="a package")


def test_any_name_of_a_program_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each distribution calls its browser otherwise."""
    monkeypatch.setenv(REQUIRE, "shell")

    assert program("shell", "no-shell", "sh", source="a package").endswith("/sh")
