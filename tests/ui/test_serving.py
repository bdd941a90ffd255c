"""``inficond serve`` with the flags of ``panel serve``: processes, prefix, login, origins."""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id
from factory import small_spec
from playwright.sync_api import expect
from test_main_job import iterations, rows, select_class
from test_saved_page import expect_pictures
from waiting import PATIENCE, wait_until

from inficond_panel.tuning import open_tuner

pytestmark = pytest.mark.ui

LOGIN = ["--basic-auth", "secret", "--cookie-secret", "a secret for cookies"]


@pytest.fixture
def serve_with(serve, tmp_path: Path):
    """Start ``inficond serve`` with flags; give its address without the page's name."""

    def start(*flags: str, specs: tuple[Path, ...] = (), prefix: str = "") -> str:
        chosen = specs or (small_spec(tmp_path),)
        forked = "--num-procs" not in flags  # processes of a process of its own
        server = serve(*chosen, flags=flags, prefix=prefix, forked=forked)
        return server.url.removesuffix("/app")

    return start


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


def children(log: Path) -> int:
    """Number of server processes that said they have started."""
    return len(set(re.findall(r"process id: (\d+)", log.read_text())))


def links_of_the_page_are_under_its_prefix(url: str) -> None:
    with urllib.request.urlopen(f"{url}/app", timeout=PATIENCE) as reply:
        html = reply.read().decode()
    links = set(re.findall(r'(?:src|href)="([^"]+)"', html))
    links = {link for link in links if not link.startswith("data:")}
    assert len(links) > 5
    for link in links:
        full = urllib.parse.urljoin(f"{url}/app", link)
        assert full.startswith(f"{url}/"), link
        assert status(full) == 200, link


def test_behind_a_prefix_with_processes_links_pictures_files_and_the_history_work(
    serve_with, open_page, open_file, tmp_path
) -> None:
    prefix = "/tools/concepts"
    url = serve_with("--prefix", prefix, "--num-procs", "2", prefix=prefix)
    wait_until(lambda: children(tmp_path / "history.small.log") == 2, "both processes have started")
    links_of_the_page_are_under_its_prefix(url)
    page = open_page(f"{url}/app", permissions=["clipboard-read", "clipboard-write"])
    expect(rows(page).first).to_be_visible()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:")))
    page.reload()
    expect(rows(page).first).to_be_visible()
    own = [address for address in asked if address.startswith("http")]
    assert [address for address in own if not address.startswith(url)] == []
    for name in ("sheep", "bicycle"):
        select_class(page, name)
        expect(page).to_have_url(f"{url}/app?class={name}")
    page.go_back()
    expect(page.locator(".knowledge .subtitle")).to_have_text("sheep")
    page.go_forward()
    expect(page.locator(".knowledge .subtitle")).to_have_text("bicycle")
    page.locator(".knowledge .thumb.down").first.click()
    page.get_by_role("button", name="Fine-tune").click()
    expect(iterations(page)).to_have_count(2)
    page.locator(".knowledge .rows > .row .open").first.click()
    page.get_by_label("Concepts listed").select_option("5")
    expect(page).to_have_url(re.compile(r"concept=.*top=5"))
    expect_pictures(page, ".knowledge .patch img")
    expect_pictures(page, ".detail .tile img")
    with page.expect_download() as saved:
        page.locator(".detail").get_by_role("button", name="Save the images shown").click()
    assert saved.value.suggested_filename.startswith("images-bicycle-")
    assert Path(saved.value.path()).read_text().startswith("image,split,class")
    page.keyboard.press("l")
    expect(page.locator(".notice:visible")).to_contain_text("The link is copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    assert link.startswith(f"{url}/app?")
    concept = page.locator(".detail .subtitle").inner_text()
    for _ in range(3):  # the system gives a connection to either process
        other = open_page(link)
        expect(other.locator(".detail .subtitle")).to_have_text(concept)
        expect(iterations(other)).to_have_count(2)
        expect(other).to_have_url(link)
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save page as HTML").click()
    file = tmp_path / saved.value.suggested_filename
    saved.value.save_as(file)
    still = open_file(file)
    expect(still.locator(".detail .subtitle")).to_have_text(concept)
    expect_pictures(still, ".knowledge .patch img")


def test_a_login_is_asked_for_and_told_in_the_history(serve_with, open_page, tmp_path) -> None:
    url = serve_with(*LOGIN)
    page = open_page(f"{url}/app")
    expect(page.locator(".performance")).to_have_count(0)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Log in").click()
    expect(rows(page).first).to_be_visible()
    select_class(page, "bicycle")
    page.locator(".knowledge .thumb.down").first.click()
    page.get_by_role("button", name="Fine-tune").click()
    expect(iterations(page)).to_have_count(2)
    tuner = open_tuner(tmp_path / "small.yaml", history=tmp_path / "history.sqlite")
    assert tuner.nodes()[1].author == "ada"
    moves = [e for e in tuner.history.events(tuner.root_id) if e.kind == "fine-tune"]
    assert [event.author for event in moves] == ["ada"]


def test_a_wrong_password_does_not_open_the_page(serve_with) -> None:
    url = serve_with(*LOGIN)
    opener = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    )
    opener.open(f"{url}/login", timeout=PATIENCE).close()
    form = urllib.parse.urlencode({"username": "ada", "password": "guess"}).encode()
    with contextlib.suppress(urllib.error.HTTPError):
        opener.open(f"{url}/login", form, timeout=PATIENCE).close()
    with opener.open(f"{url}/app", timeout=PATIENCE) as reply:
        assert "login" in reply.geturl()


@pytest.mark.parametrize(
    ("flags", "origin", "welcome"),
    [
        ([], "http://elsewhere.example", False),
        (["--allow-websocket-origin", "elsewhere.example"], "http://elsewhere.example", True),
    ],
)
def test_other_sites_reach_the_server_only_where_they_are_allowed(
    serve_with, flags, origin, welcome
) -> None:
    host = serve_with(*flags).removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=PATIENCE)
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": f"bokeh, {generate_jwt_token(generate_session_id())}",
        "Sec-WebSocket-Extensions": "permessage-deflate",
    }
    connection.request("GET", "/app/ws", headers={**upgrade, "Origin": origin})
    reply = connection.getresponse()
    assert reply.status == (101 if welcome else 403)
    # What a page is sent is packed: half of a first page comes by its websocket.
    packed = "permessage-deflate" in reply.getheader("Sec-WebSocket-Extensions", "")
    assert packed == welcome
    connection.close()


def test_several_specs_and_the_page_at_the_root(serve_with, open_page, tmp_path) -> None:
    (tmp_path / "other").mkdir()
    other = small_spec(tmp_path / "other", classes=3, seed=5)
    other.write_text(other.read_text().replace("title: Small", "title: Other"))
    url = serve_with("--index", "app", specs=(small_spec(tmp_path), other))
    page = open_page(f"{url}/")
    expect(rows(page)).to_have_count(4)
    page.get_by_role("combobox", name="Dataset").select_option("Other")
    expect(rows(page)).to_have_count(3)
