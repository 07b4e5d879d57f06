"""A real kube-apiserver on a real etcd, both from the folder that `PYLOAD_E2E_BIN` names."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.e2e.needs import lack
from tests.embedded.apiserver.scenarios.peers import Answer, Call, Peer

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = "PYLOAD_E2E_BIN"
TOKEN: Final = "tests"
SECONDS: Final = 60.0
"""How long both may take to start."""


def find(name: str) -> str:
    """Return the path of one of the programs, or skip the test."""
    folder = os.environ.get(FOLDER, "")
    found = shutil.which(name, path=folder) if folder else None
    return found or lack(name, f"Kubernetes' own, in the folder that {FOLDER} names")


class RealServer(Peer):
    """Sends calls to a kube-apiserver.

    Args:
        port: Where it listens on the loopback.
    """

    def __init__(self, port: int) -> None:
        super().__init__()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", port, context=context, timeout=30
        )

    def exchange(self, call: Call) -> Answer:
        """Send a call and wait for the answer; for that of a watch, a second."""
        query = dict(call.query)
        if "watch" in query:
            query["timeoutSeconds"] = "1"
        raw = None if call.body is None else orjson.dumps(call.body)
        code, body = self.raw(call.method, f"{call.path}?{urlencode(query)}", raw, call.media)
        if "watch" in query and code == 200:
            return Answer(code, [orjson.loads(line) for line in body.splitlines()])
        return Answer(code, orjson.loads(body))

    def raw(self, method: str, target: str, raw: bytes | None, media: str) -> tuple[int, bytes]:
        """Send a request, and return the code and the body of the answer."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": media}
        self._connection.request(method, target, raw, headers)
        response = self._connection.getresponse()
        return response.status, response.read()

    def is_ready(self) -> bool:
        """Return whether it serves yet."""
        try:
            return self.raw("GET", "/readyz", None, "")[0] == 200
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[RealServer]:
    """Run both programs, with what they write in a folder."""
    programs = find("etcd"), find("kube-apiserver")
    client, peer, secure = (_free_port() for _ in range(3))
    (folder / "tokens.csv").write_text(f'{TOKEN},admin,1,"system:masters"\n', encoding="utf-8")
    key = folder / "accounts.key"
    key.write_bytes(_private_key())
    store = f"http://127.0.0.1:{client}"
    etcd = [
        programs[0],
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={store}",
        f"--advertise-client-urls={store}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",
    ]
    apiserver = [
        programs[1],
        f"--etcd-servers={store}",
        "--bind-address=127.0.0.1",
        f"--secure-port={secure}",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=AlwaysAllow",
        # No controller makes the accounts that it asks for.
        "--disable-admission-plugins=ServiceAccount",
        "--service-cluster-ip-range=10.96.0.0/12",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
    ]
    with contextlib.ExitStack() as running:
        for line in (etcd, apiserver):
            log = running.enter_context((folder / f"{Path(line[0]).name}.log").open("wb"))
            process = running.enter_context(subprocess.Popen(line, stdout=log, stderr=log))
            running.callback(process.terminate)
        server = RealServer(secure)
        end = time.monotonic() + SECONDS
        while not server.is_ready():
            assert process.poll() is None, f"{programs[1]} ended; its log is in {folder}"
            assert time.monotonic() < end, f"not ready after {SECONDS:g} s; logs are in {folder}"
            time.sleep(0.2)
        yield server


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _private_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
