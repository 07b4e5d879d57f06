"""The short names that metrics and log lines use."""

from __future__ import annotations

import pytest

from pyload.xds import types


@pytest.mark.parametrize(
    ("type_url", "expected"),
    [
        (types.CDS, "cds"),
        (types.EDS, "eds"),
        (types.LDS, "lds"),
        (types.RDS, "rds"),
        (types.SDS, "sds"),
        (types.ECDS, "ecds"),
        (types.ADDRESS, "wds"),
        (types.WORKLOAD, "wds"),
        (types.AUTHORIZATION, "wads"),
        ("type.googleapis.com/acme.v1.Thing", "thing"),
        ("", ""),
    ],
)
def test_types_have_istiods_short_names(type_url: str, expected: str) -> None:
    """A report could not be laid beside istiod's own metrics under other names."""
    assert types.short(type_url) == expected
