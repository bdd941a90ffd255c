"""Redirects stay below the prefix: on the server, and behind proxies that keep or strip it."""

from __future__ import annotations

import http.client
import http.server
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from factory import small_spec
from studies import STUDY, small_study
from waiting import PATIENCE
from wire import serving

PREFIX = "/tools/concepts"
LOGIN = ["--basic-auth", "secret", "--cookie-secret", "a secret for cookies"]


@contextmanager
def proxy(port: int, below: str, strip: str) -> Iterator[int]:
    """Port of a proxy of the server at ``port`` that answers below ``below``, 404 elsewhere; it
    removes ``strip`` from the begin of paths."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            path = self.path.partition("?")[0]
            if path != below and not path.startswith(f"{below}/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            onward = http.client.HTTPConnection("localhost", port, timeout=PATIENCE)
            given = {k: v for k, v in self.headers.items() if k not in ("Host", "Connection")}
            target = self.path.removeprefix(strip)
            target = target if target.startswith("/") else f"/{target}"
            onward.request(self.command, target, body, given)
            answer = onward.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            onward.close()

        do_GET = do_POST = _pass_on  # noqa: N815 - names of the standard library

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


class Browser:
    """Follows redirects as a browser does, and keeps cookies."""

    def __init__(self, port: int) -> None:
        self.port, self.cookies, self.visited = port, {}, []

    def go(self, url: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, path and text of the page at which the redirects end."""
        for _ in range(9):
            connection = http.client.HTTPConnection("localhost", self.port, timeout=PATIENCE)
            cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
            body = urllib.parse.urlencode(form) if form else None
            connection.request(
                "POST" if form else "GET",
                url,
                body,
                {"Cookie": cookie, "Sec-Fetch-Site": "none", **kind},
            )
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
            for each in answer.headers.get_all("Set-Cookie") or []:
                name, _, value = each.split(";")[0].partition("=")
                self.cookies[name] = value
            connection.close()
            self.visited.append(url)
            if answer.status not in (301, 302, 303, 307):
                return answer.status, url, text
            url, form = urllib.parse.urljoin(url, answer.headers["Location"]), None
        raise AssertionError(f"redirects without end: {self.visited}")


@contextmanager
def spec_server(folder, prefix: str, *flags: str):
    """Server of a small spec, with a prefix or "", and flags."""
    named = ["--prefix", prefix] if prefix else []
    command = ["serve", str(small_spec(folder)), *flags, *named]
    given = {"page": f"{prefix}/health", "INFICOND_HISTORY": str(folder / "history.sqlite")}
    with serving(folder, *command, forked=True, **given) as server:
        yield server


@pytest.fixture(scope="module")
def login_below_prefix(tmp_path_factory):
    with spec_server(tmp_path_factory.mktemp("login"), PREFIX, *LOGIN) as server:
        yield server


def log_in(port: int, url: str) -> tuple[int, str, str]:
    """Open ``url``, fill in the form of the login, and follow the redirects."""
    browser = Browser(port)
    _, at, form = browser.go(url)
    assert 'action="./login"' in form
    return browser.go(
        urllib.parse.urljoin(at, "./login"), {"username": "ada", "password": "secret"}
    )


#: What a person opens below the prefix, and the page that they get.
WAYS = [("/", "/app"), ("", "/app"), ("?class=cat", "/app?class=cat"), ("/app?a=1", "/app?a=1")]


@pytest.mark.parametrize(("opened", "page"), WAYS)
@pytest.mark.parametrize("proxied", [False, True], ids=["server", "proxy that keeps the prefix"])
def test_a_login_below_a_prefix_leads_to_the_page(login_below_prefix, proxied, opened, page):
    port = login_below_prefix.port
    with proxy(port, PREFIX, "") as other:
        status, at, text = log_in(other if proxied else port, f"{PREFIX}{opened}")
    assert (status, at, '"token":"' in text) == (200, f"{PREFIX}{page}", True)


def test_the_login_opened_by_itself_leads_to_the_page(login_below_prefix):
    status, at, _ = log_in(login_below_prefix.port, f"{PREFIX}/login")
    assert (status, at) == (200, f"{PREFIX}/app")


def test_a_wrong_password_leads_back_to_the_login(login_below_prefix):
    browser = Browser(login_below_prefix.port)
    form = {"username": "ada", "password": "wrong"}
    status, at, text = browser.go(f"{PREFIX}/login", form)
    assert (status, at.partition("?")[0], "Invalid" in text) == (200, f"{PREFIX}/login", True)


@pytest.fixture(scope="module")
def login_without_prefix(tmp_path_factory):
    with spec_server(tmp_path_factory.mktemp("stripped"), "", *LOGIN) as server:
        yield server


@pytest.mark.parametrize(("opened", "page"), [way for way in WAYS if way[0].startswith("/")])
def test_a_login_behind_a_proxy_that_strips_the_prefix_leads_to_the_page(
    login_without_prefix, opened, page
):
    """Such a proxy adds the slash itself: the server does not know the prefix."""
    with proxy(login_without_prefix.port, PREFIX, PREFIX) as port:
        status, at, text = log_in(port, f"{PREFIX}{opened}")
    assert (status, at, '"token":"' in text) == (200, f"{PREFIX}{page}", True)


@pytest.mark.parametrize(
    "next_", ["//evil.example", ".//evil.example", "./\\evil.example", "..//a"]
)
def test_a_login_leads_to_no_other_server(login_without_prefix, next_):
    asked = urllib.parse.urlencode({"next": next_})
    assert login_without_prefix.get(f"/login?{asked}")[0] == 400


@pytest.fixture(scope="module")
def inner_prefix(tmp_path_factory):
    """A server with the prefix /concepts, behind a proxy that strips /tools."""
    with (
        spec_server(tmp_path_factory.mktemp("inner"), "/concepts") as server,
        proxy(server.port, "/tools", "/tools") as port,
    ):
        yield port


@pytest.mark.parametrize(("opened", "page"), WAYS)
def test_a_page_behind_a_proxy_that_strips_a_part_of_the_prefix(inner_prefix, opened, page):
    status, at, _ = Browser(inner_prefix).go(f"{PREFIX}{opened}")
    assert (status, at) == (200, f"{PREFIX}{page}")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    small_study(folder, STUDY, prepare=False)
    command = ["study", "serve", str(folder / "study.yaml"), "--prefix", PREFIX]
    given = {"page": f"{PREFIX}/health", "INFICOND_STUDY_PASSWORD": "word"}
    with serving(folder, *command, forked=True, **given) as server:
        yield server


@pytest.mark.parametrize("opened", ["", "/", "?pid=7", "/?pid=7", "/study", "/researcher"])
def test_pages_of_a_study_below_a_prefix(study, opened):
    status, at, text = Browser(study.port).go(f"{PREFIX}{opened}")
    expected = f"{PREFIX}/{opened.removeprefix('/')}"
    assert (status, at, '"token":"' in text) == (200, expected, True)
