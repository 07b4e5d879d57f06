"""Which proxy a request goes through; the verdicts are those of Go's httpproxy."""

from __future__ import annotations

import pytest

from pyload.errors import UsageError
from pyload.kube.proxy import ProxyRules, parse, without_secrets

HTTP, HTTPS = "http://web:1", "http://tls:2"


def chosen(url: str, **environ: str) -> str | None:
    """Return the URL of the proxy for a URL."""
    proxy = ProxyRules(None, environ).proxy_for(url)
    return None if proxy is None else proxy.url


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://a.io", {"HTTPS_PROXY": HTTPS, "HTTP_PROXY": HTTP}, HTTPS),
        ("http://a.io", {"HTTPS_PROXY": HTTPS, "HTTP_PROXY": HTTP}, HTTP),
        ("https://a.io", {"https_proxy": HTTPS}, HTTPS),
        ("https://a.io", {"HTTPS_PROXY": HTTPS, "https_proxy": HTTP}, HTTPS),
        ("https://a.io", {"HTTPS_PROXY": "", "https_proxy": HTTPS}, HTTPS),
        ("https://a.io", {"HTTP_PROXY": HTTP}, None),
        ("https://a.io", {"ALL_PROXY": HTTP}, None),
        ("https://a.io", {"HTTPS_PROXY": "p:1"}, "http://p:1"),
        ("https://a.io", {"HTTPS_PROXY": "p"}, "http://p:80"),
        ("https://a.io", {"HTTPS_PROXY": "u:p@p:1"}, "http://p:1"),
        ("https://a.io", {"HTTPS_PROXY": "HTTPS://p"}, "https://p:443"),
        ("https://a.io", {"HTTPS_PROXY": "socks5://p"}, "socks5://p:1080"),
        ("https://a.io", {"HTTPS_PROXY": "socks5h://[::1]:9"}, "socks5h://[::1]:9"),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": HTTPS}, None),
        ("https://127.9.9.9", {"HTTPS_PROXY": HTTPS}, None),
        ("https://[::1]:6443", {"HTTPS_PROXY": HTTPS}, None),
        ("https://[::ffff:127.0.0.1]", {"HTTPS_PROXY": HTTPS}, None),
        ("http://localhost:8001", {"HTTP_PROXY": HTTP}, None),
        ("http://me.localhost:8001", {"HTTP_PROXY": HTTP}, HTTP),
    ],
)
def test_the_environments_proxy_is_used_as_go_does(
    url: str, environ: dict[str, str], proxy: str | None
) -> None:
    """A cluster behind a proxy could not be reached, or a local one would be looked for there."""
    assert chosen(url, **environ) == proxy


@pytest.mark.parametrize(
    ("host", "excluded", "direct"),
    [
        ("corp.example", "corp.example", True),
        ("api.corp.example", "corp.example", True),
        ("xcorp.example", "corp.example", False),
        ("corp.example", ".corp.example", False),
        ("api.corp.example", ".corp.example", True),
        ("corp.example", "*.corp.example", False),
        ("api.corp.example", "*.corp.example", True),
        ("a.api.corp.example", "*.corp.example", True),
        ("api.corp.example", "*corp.example", False),
        ("api.corp.example", "API.Corp.Example", True),
        ("API.corp.example", "api.corp.example", True),
        ("api.corp.example", " x , .corp.example ", True),
        ("api.corp.example", "*", True),
        ("10.1.2.3", "x,*", True),
        ("api.corp.example:6443", "api.corp.example:6443", True),
        ("api.corp.example:6443", "api.corp.example:8443", False),
        ("api.corp.example:6443", "*.corp.example:6443", True),
        ("api.corp.example", "corp.example:443", True),
        ("api.corp.example:6443", "corp.example:", True),
        ("api.corp.example:6443", ":6443", False),
        ("10.20.0.5:6443", "10.20.0.5", True),
        ("10.20.0.5:6443", "10.20.0.5:6443", True),
        ("10.20.0.5:6443", "10.20.0.5:443", False),
        ("10.20.0.5", "10.0.0.0/8", True),
        ("10.20.0.5", "10.1.2.3/8", True),
        ("11.20.0.5", "10.0.0.0/8", False),
        ("10.20.0.5", "10.0.0.0/255.0.0.0", False),
        ("10.20.0.5", ".5", False),
        ("[::ffff:10.20.0.5]", "10.0.0.0/8", True),
        ("10.20.0.5", "::ffff:10.0.0.0/104", True),
        ("[fd00::5]:6443", "fd00::/8", True),
        ("[fd00::5]:6443", "fd00::5", True),
        ("[fd00::5]:6443", "[fd00::5]:6443", True),
        ("[fd00::5]:6443", "[fd00::5]:443", False),
        ("[fd00::5]:6443", "[fd00::5]", False),
        ("bücher.example", "xn--bcher-kva.example", True),
        ("xn--bcher-kva.example", "bücher.example", True),
        ("api.corp.example", ",, ,", False),
    ],
)
def test_no_proxy_is_read_in_all_its_forms_as_go_does(
    host: str, excluded: str, *, direct: bool
) -> None:
    """A cluster that only is reached directly would be looked for behind the proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        proxy = chosen(f"https://{host}", HTTPS_PROXY=HTTPS, **{name: excluded})
        assert proxy == (None if direct else HTTPS)


def test_the_proxy_of_a_kubeconfig_is_used_for_everything() -> None:
    """Kubectl asks neither NO_PROXY nor whether the server is this machine."""
    rules = ProxyRules(parse("socks5://p:1", "proxy-url"), {"NO_PROXY": "*", "HTTPS_PROXY": HTTPS})

    for url in ("https://a.io", "http://127.0.0.1:8001"):
        assert str(rules.proxy_for(url)) == "p:1"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://jo:hunter2@p", "a proxy of the kind ftp://, which is not supported"),
        ("socks4://jo:hunter2@p", "a proxy of the kind socks4://, which is not supported"),
        ("http://jo:hunter2@p:x", "is not the URL of a proxy"),
        ("http://jo:hunter2#@p:1", "is not the URL of a proxy"),
        ("http://jo:hunter2@", "is not the URL of a proxy"),
        ("http://jo:hunter2@[::1", "is not the URL of a proxy"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(url: str, problem: str) -> None:
    """Go takes no proxy at all, or looks for a host called `ftp`."""
    with pytest.raises(UsageError, match=problem) as caught:
        chosen("https://a.io", HTTPS_PROXY=url)

    assert caught.value.what.startswith("HTTPS_PROXY ")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_cgi_program_does_not_use_what_a_request_may_have_set() -> None:
    """A request with the header `Proxy` sets HTTP_PROXY there."""
    environ = {"HTTP_PROXY": HTTP, "HTTPS_PROXY": HTTPS, "REQUEST_METHOD": "GET"}

    with pytest.raises(UsageError, match="HTTP_PROXY is not used in a CGI program"):
        chosen("http://a.io", **environ)
    assert chosen("https://a.io", **environ) == HTTPS


def test_a_password_is_unescaped_for_the_proxy_and_in_no_text() -> None:
    """The proxy would refuse it, and whoever prints the object would print the password."""
    proxy = parse("http://us%40er:p%3Aw%2Fd@p:1", "HTTPS_PROXY")

    assert proxy.headers == {"Proxy-Authorization": "Basic dXNAZXI6cDp3L2Q="}
    assert parse("http://us@p:1", "").headers == {"Proxy-Authorization": "Basic dXM6"}
    assert parse("http://p:1", "").headers == {}
    assert "w/d" not in repr(proxy) + str(proxy) + proxy.url


def test_a_url_is_shown_without_its_secrets() -> None:
    """A log is read by many."""
    assert without_secrets("https://jo:hunter2@h:1/a?token=hunter2#hunter2") == "https://h:1/a"
    assert "hunter2" not in without_secrets("https://jo:hunter2@[::1")
