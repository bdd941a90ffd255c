"""``--basic-auth`` in several processes: cookies, wrong passwords, forms, and how they all end."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from factory import small_spec
from waiting import PATIENCE, wait_until
from wire import serving

from inficond_panel.serving.login import PAUSE, WAITING

FLAGS = [
    "--basic-auth", "secret", "--cookie-secret", "a secret for cookies", "--enable-xsrf-cookies",
    "--num-procs", "2", "--use-xheaders",
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("login")
    arguments = ["serve", str(small_spec(folder)), *FLAGS]
    given = {"page": "/login", "forked": True, "INFICOND_HISTORY": str(folder / "history.sqlite")}
    with serving(folder, *arguments, **given) as served:
        yield served


def try_password(
    server, password: str, address: str = "10.0.0.1", query: str = "", cookie: str = "",
    name: str = "ada", prefix: str = "", **headers,
):  # fmt: skip
    """Fill in the login form; the answer's status and headers."""
    _, given, html = server.get(f"{prefix}/login{query}", X_Real_Ip=address, **headers)
    field = re.search(r'name="_xsrf" value="([^"]+)"', html)[1]
    form = {"username": name, "password": password, "_xsrf": field}
    kind = {"Content_Type": "application/x-www-form-urlencoded", "X_Real_Ip": address}
    cookies = "; ".join(filter(None, [*cookies_of(given), cookie]))
    body = urllib.parse.urlencode(form)
    return server.get(f"{prefix}/login", "POST", body, Cookie=cookies, **kind, **headers)


def cookies_of(headers) -> list[str]:
    return [cookie.split(";")[0] for cookie in headers.get_all("Set-Cookie")]


def test_the_form_with_its_token_logs_in(server) -> None:
    status, headers, _ = try_password(server, "secret")
    assert status == 302
    assert any(cookie.startswith("user=") for cookie in headers.get_all("Set-Cookie"))


def test_the_cookies_of_a_login_stay_on_the_site(server) -> None:
    _, headers, _ = try_password(server, "secret")
    assert all("SameSite=Lax" in cookie for cookie in headers.get_all("Set-Cookie"))


def test_a_login_without_a_name_says_that_one_is_needed(server) -> None:
    _, headers, _ = try_password(server, "secret", name="")
    assert "Enter a name" in server.get(urllib.parse.urljoin("/login", headers["Location"]))[2]


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_the_cookies_of_a_login_are_for_https_where_it_came_by_https(server, protocol) -> None:
    _, headers, _ = try_password(server, "secret", X_Forwarded_Proto=protocol)
    secure = {"Secure" in cookie for cookie in headers.get_all("Set-Cookie")}
    assert secure == {protocol == "https"}


#: As they stand in a link; ``%5C`` is a backslash, ``%09`` a tab, which browsers leave out.
ELSEWHERE = (
    "///evil.example", "////evil.example", "//evil.example", "https://evil.example",
    "https:///evil.example", "/%5Cevil.example", "%5C%5Cevil.example", "/%2Fevil.example",
    "%2F%2F%2Fevil.example", "/%252F%252Fevil.example", "/%255Cevil.example", "%20//evil.example",
    "/%09/evil.example", "%09//evil.example", "/%0A/evil.example", "/%0D%0A/evil.example",
    "/%0Cevil.example", "/%00/evil.example", "/%2509/evil.example", "/app%0D%0ASet-Cookie:a=b",
    "javascript:alert(1)", "evil.example", ".", "/%E3%80%82evil.example", "/app%5C..%5C",
)  # fmt: skip
OWN = ("/", "/app", "/app?class=bus%26at=1", "/app?note=a%252F%252Fb", "/app/#x", "/.//evil")


@pytest.mark.parametrize("asked", ELSEWHERE)
def test_a_login_leads_to_no_other_server(server, asked) -> None:
    status, headers, _ = server.get(f"/login?next={asked}")
    assert (status, "next_url" in str(headers)) == (400, False)


@pytest.mark.parametrize("asked", OWN)
def test_a_login_leads_to_the_page_that_was_asked_for(server, asked) -> None:
    status, headers, _ = try_password(server, "secret", query=f"?next={asked}")
    place = "./" if asked == "/" else urllib.parse.unquote(asked)  # a prefix may stand before it
    assert (status, headers["Location"]) == (302, place)


def test_a_cookie_leads_to_no_other_server(server) -> None:
    """A neighbour of the same domain can set one."""
    cookie = "next_url=///evil.example"
    status, headers, _ = try_password(server, "secret", address="10.0.0.3", cookie=cookie)
    assert (status, headers["Location"]) == (400, None)


@pytest.mark.parametrize("path", ["/app", "/app/", "/app/metadata", "/app/ws", "/", "/nothing"])
def test_without_a_login_there_is_no_page(server, path) -> None:
    assert server.get(path)[0] in {302, 400, 403, 404}


@pytest.mark.parametrize("path", ["/app", "/app/", "/app/?class=dog"])
def test_the_way_to_the_login_ends_at_it(server, path) -> None:
    """As a browser resolves the redirect, beside the page that was asked for."""
    _, headers, _ = server.get(path)
    assert urllib.parse.urlsplit(urllib.parse.urljoin(path, headers["Location"])).path == "/login"


def test_without_a_login_there_is_no_script(server) -> None:
    status, _, script = server.get("/app/autoload.js?bokeh-autoload-element=x")
    assert (status, "token" in script) == (403, False)


def test_no_login_page_loads_anything_from_elsewhere(server) -> None:
    for path in ("/login", "/logout", "/login?error=x"):
        assert re.findall(r'(?:src|href)="((?:https?:)?//[^"]+)"', server.get(path)[2]) == []


def test_guesses_are_slow_and_lock_nobody_else_out(server) -> None:
    refused = threading.Event()

    def guess() -> None:
        """As often as it takes until one is refused, however slowly the machine takes them in."""
        while not refused.is_set():
            begin = time.monotonic()
            if try_password(server, "guess")[0] == 429:
                refused.set()
            else:
                assert time.monotonic() - begin >= PAUSE

    with ThreadPoolExecutor(8 * WAITING) as pool:
        guesses = [pool.submit(guess) for _ in range(8 * WAITING)]
        assert refused.wait(PATIENCE)
        assert try_password(server, "secret", address="10.0.0.2")[0] == 302
        for one in guesses:
            one.result()
    assert try_password(server, "secret")[0] == 302


def test_the_processes_end_with_the_main_one(server) -> None:
    main = server.process.pid  # also their group

    def alive() -> int:
        """Processes of the server, from the list of the system."""
        count = 0
        for file in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, _, group, *_ = file.read_text().rpartition(")")[2].split()
                count += int(group) == main and state != "Z"
        return count

    assert alive() == 3
    server.ended = True
    os.kill(main, signal.SIGKILL)
    wait_until(lambda: alive() == 0, "all processes have ended")


def test_password_and_secret_can_come_from_the_environment(tmp_path) -> None:
    """Where no list of processes shows them, as the command line does; capitals count."""
    arguments = ["inficond_panel", "serve", str(small_spec(tmp_path))]
    arguments += ["--enable-xsrf-cookies", "--use-xheaders"]
    given = {
        "PANEL_BASIC_AUTH": "A Secret",
        "PANEL_COOKIE_SECRET": "a secret for cookies",
        "INFICOND_HISTORY": str(tmp_path / "history.sqlite"),
    }
    with serving(tmp_path, *arguments, page="/login", **given) as served:
        assert served.get("/app")[0] in {302, 403}
        assert "error" in try_password(served, "a secret")[1]["Location"]
        status, headers, _ = try_password(served, "A Secret")
        assert (status, "error" in headers["Location"]) == (302, False)
        assert served.get("/app", Cookie="; ".join(cookies_of(headers)))[0] == 200
        assert b"Secret" not in Path(f"/proc/{served.process.pid}/cmdline").read_bytes()


@pytest.mark.more
def test_below_a_prefix_the_login_and_the_logout_have_its_cookies(tmp_path) -> None:
    arguments = ["serve", str(small_spec(tmp_path)), *FLAGS[:4], "--enable-xsrf-cookies"]
    given = {"page": "/tools/login", "forked": True, "INFICOND_HISTORY": str(tmp_path / "h.sqlite")}
    with serving(tmp_path, *arguments, "--prefix", "tools", **given) as served:
        _, logged_in, _ = try_password(served, "secret", prefix="/tools")
        cookies = "; ".join(cookies_of(logged_in))
        logged_out = served.get("/tools/logout", Cookie=cookies)[1]
        assert served.get("/tools/app", Cookie=cookies)[0] == 200
    for headers in (logged_in, logged_out):
        assert {re.search("(?i)path=([^;]+)", it)[1] for it in headers.get_all("Set-Cookie")} == {
            "/tools"
        }
