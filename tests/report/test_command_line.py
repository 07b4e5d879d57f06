"""Command lines without their secrets."""

from __future__ import annotations

import shlex

import pytest

from pyload.report.command_line import HIDDEN, command_line

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl"
KEY = "wJalrXUtnFEMI7K7MDENGbPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("arguments", "secret"),
    [
        (["--victoria-address", "https://ann:s3cret@logs:8428/x"], "s3cret"),
        (["--victoria-address", "https://ann:a/b@c@logs:8428/x"], "a/b"),
        (["--victoria-address=https://s3cret@logs"], "s3cret"),
        (["-v", "https://logs/insert?access_token=s3cret&x=1"], "s3cret"),
        (["--istiod-metrics", "http://u:s3cret@istiod:15014/metrics"], "s3cret"),
        (["-m", "TOKEN=s3cret"], "s3cret"),
        (["-mAPI_KEY=s3cret,REGION=eu"], "s3cret"),
        (["--metadata=db.password=s3 cret"], "cret"),
        (["--metadata", "pass=a,s3cret"], "s3cret"),
        (["-m", 'CONFIG={"token": "s3cret", "x": 1}'], "s3cret"),
        (["-m", f"X={JWT}"], JWT),
        (["-m", f"HEADER=Bearer {KEY}"], KEY),
        (["-m", f"PLAIN={KEY}"], KEY),
        (["-m", "PLAIN=wJalrXUtnF/MI7K7MDENGbPxRfiCYEXAMP/LEK3Y="], "LEK3Y"),
        (["-m", "ID=AKIAIOSFODNN7EXAMPLE"], "AKIAIOSFODNN7EXAMPLE"),
        (["--tag", "ci=ghp_1234567890abcdefghij"], "ghp_1234567890abcdefghij"),
        (["--set", "tls.privateKey=s3cret"], "s3cret"),
        (["--set", "x=-----BEGIN PRIVATE KEY-----\nMIIE"], "MIIE"),
        (["--as", JWT], JWT),
        (["--proxy-password", "s3cret", "--embedded"], "s3cret"),
    ],
)
def test_a_secret_is_not_in_the_result(arguments: list[str], secret: str) -> None:
    """Results are attached to issues, and kept by CI where many can read them."""
    shown = command_line(["pyload", "cluster", *arguments])

    assert secret not in shown
    assert HIDDEN in shown
    assert shown.startswith("pyload cluster ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "mesh.yaml", "-p", "istiod.istio-system.svc:15012", "--duration", "10m"],
        ["-c", "/home/ann/secrets/mesh2.yaml", "--out=/tmp/token/r1.json"],
        ["--threshold", "disconnects.token == 0", "--threshold", "first_config.p99 < 2s"],
        ["--threshold=disconnects.token<=9"],
        ["-a", "jwt", "--csr-per-pod=true", "--auth=plaintext-jwt"],
        ["--tag", "commit=3b18e512dba79e4c8300dd08aeb37f8e728b8dad", "--tag", "branch=main"],
        ["--context", "arn:aws:eks:eu-west-1:123456789012:cluster/My-Cluster-2026"],
        ["-v", "http://victoria:8428/insert/jsonline?_time_field=time"],
        ["-v", "http://victoria:8428?at=a@b"],
        ["-m", "ISTIO_VERSION=1.28.1,CLUSTER_ID=Kubernetes"],
        ["--pod-selector", "app in (a,b),env!=prod", "--set", "kind={a: [1, 2]}"],
    ],
)
def test_what_is_no_secret_can_be_repeated(arguments: list[str]) -> None:
    """A command line that hides its paths and thresholds cannot be run again."""
    assert command_line(["pyload", *arguments]) == shlex.join(["pyload", *arguments])


def test_other_values_stay_beside_a_secret_one() -> None:
    """Whoever compares two runs needs the rest."""
    shown = command_line(["pyload", "adsc", "-m", "A=1,TOKEN=x y,B=2", "--count", "5"])

    assert shown == "pyload adsc -m 'A=1,TOKEN=***,B=2' --count 5"
