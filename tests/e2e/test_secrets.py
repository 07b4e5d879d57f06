"""No secret in anything that a command writes: output, log, result, metrics."""

from __future__ import annotations

import base64
import json
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from tests.e2e.outside import run_servers
from tests.e2e.test_program import BIN, ENVIRONMENT, EXAMPLES
from tests.kube.kubeconfigs import a_config, write

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

PLANTED: Final = "planted-hunter2"
"""In each secret."""

FORMS: Final = (
    PLANTED,
    *(base64.b64encode(b"x" * n + PLANTED.encode())[4:16].decode() for n in range(3)),
)
"""As it is, and in base64, which differs by what stands before it."""

CAPTURE: Final[dict[str, Any]] = {
    "kind": "List",
    "apiVersion": "v1",
    "items": [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "captured", "namespace": "default"},
            "stringData": {"key": PLANTED},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"containers": [{"name": "istio-proxy", "image": "p"}]},
            "status": {"phase": "Running", "podIP": "10.1.2.3"},
        },
    ],
}

CONFIG: Final = EXAMPLES / "basic.yaml"
COMMANDS: Final[dict[str, list[str]]] = {
    "adsc": ["--count", "1", "--duration", "1s", "--out", "result.json"],
    "cleanup": ["--all", "--dry-run"],
    "cluster": ["-c", str(CONFIG), "--duration", "1s", "--out", "result.json"],
    "doctor": [],
    "dump": ["--pod", "web", "--namespace", "shop"],
    "impersonate": ["--duration", "1s"],
    "latency": ["--duration", "1s"],
    "prober": ["--duration", "1s"],
    "reproduce": ["-f", "../capture.json", "--duration", "1s", "--out", "result.json"],
    "startup": ["--namespace", "x", "--spec", str(EXAMPLES / "startup" / "simple.yaml")],
}


@pytest.fixture(scope="module")
def refusing() -> Iterator[int]:
    """Serve a proxy that wants another password, and yield its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Serve a cluster, and yield its API server's URL and its control plane's address."""
    with run_servers(tmp_path_factory.mktemp("servers")) as cluster:
        document = yaml.safe_load(Path(cluster.kubeconfig).read_text())
        yield document["clusters"][0]["cluster"]["server"], cluster.plaintext


def encoded(text: str) -> str:
    """Return text in base64."""
    return base64.b64encode(text.encode()).decode()


def kubeconfigs(api: str, proxy: int) -> Iterator[dict[str, Any]]:
    """Yield kubeconfigs with a secret of each kind, of which one works."""
    far = "https://10.9.8.7:6443"
    through = f"http://jo:{PLANTED}@127.0.0.1:{proxy}"
    pem = f"-----BEGIN PRIVATE KEY-----\n{PLANTED}\n-----END PRIVATE KEY-----\n"
    secret = {"name": "SECRET", "value": PLANTED}
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
    for cluster, user in (
        ({"server": api}, {"token": PLANTED}),
        ({"server": far, "proxy-url": through}, {"token": PLANTED}),
        ({"server": far}, {"exec": {**plugin, "command": "false", "env": [secret]}}),
        ({"server": api}, {"username": "jo", "password": PLANTED}),
        ({"server": far, "proxy-url": f"{through}:x"}, {}),
        ({"server": f"https://jo:{PLANTED}@h"}, {}),
        ({"server": far}, {"token": [PLANTED]}),
        ({"server": far}, {"token": PLANTED, "password": PLANTED}),
        (
            {"server": far},
            {"client-certificate-data": encoded(pem), "client-key-data": encoded(pem)},
        ),
    ):
        yield a_config(
            clusters=[{"name": "c", "cluster": cluster}], users=[{"name": "u", "user": user}]
        )


@pytest.mark.timeout(60)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_writes_a_secret(
    tmp_path: Path, served: tuple[str, str], refusing: int, command: str
) -> None:
    """Logs and results are passed on, to those who may not have the cluster's password."""
    api, plane = served
    documents = list(kubeconfigs(api, refusing))
    (tmp_path / "capture.json").write_text(json.dumps(CAPTURE))
    # What reads the file is the same for all commands.
    for number, document in enumerate(documents if command == "cleanup" else documents[:3]):
        folder = tmp_path / str(number)
        folder.mkdir()
        kubeconfig = write(tmp_path / f"kubeconfig{number}", document)
        arguments = [*COMMANDS[command], "-k", str(kubeconfig), "-p", plane, "--auth", "plaintext"]
        arguments += ["--log_output_level", "all:debug", "--metrics-addr", ""]
        ended = subprocess.run(
            [BIN / "pyload", command, *arguments],
            capture_output=True,
            text=True,
            timeout=18,
            env={**ENVIRONMENT, "HTTPS_PROXY": f"socks5://jo:{PLANTED}@127.0.0.1:1"},
            cwd=folder,
            check=False,
        )
        files = [path.read_text() for path in folder.rglob("*") if path.is_file()]
        written = "\n".join([ended.stdout, ended.stderr, *files])

        assert written.strip()
        if number == 0 and command in ("adsc", "cluster"):
            # A run that ends before it begins has little to give away.
            assert ended.returncode == 0, written
        assert not [form for form in FORMS if form in written], written


@pytest.mark.timeout(60)
def test_no_page_of_a_run_shows_a_secret(tmp_path: Path, served: tuple[str, str]) -> None:
    """Metrics and the live page are open to whoever reaches the port."""
    api, plane = served
    cluster = {"server": api}
    document = a_config(
        clusters=[{"name": "c", "cluster": cluster}],
        users=[{"name": "u", "user": {"token": PLANTED}}],
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    arguments = [*COMMANDS["cluster"][:2], "--duration", "20s", "-p", plane]
    arguments += ["--auth", "plaintext", "-k", str(write(tmp_path / "k", document))]
    arguments += ["--metrics-addr", base.removeprefix("http://")]
    with subprocess.Popen(
        [BIN / "pyload", "cluster", *arguments],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=ENVIRONMENT,
        cwd=tmp_path,
    ) as run:
        try:
            pages = [_page(base + path) for path in ("/", "/metrics", "/result.json")]
        finally:
            run.send_signal(signal.SIGINT)
            run.wait(timeout=18)

    for page in pages:
        assert page.strip()
        assert not [form for form in FORMS if form in page]


def _page(url: str) -> str:
    """Return a page as soon as it is served."""
    end = time.monotonic() + 15
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                text: str = answer.read().decode()
                return text
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
