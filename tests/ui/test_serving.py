"""``inficond serve`` with the flags of ``panel serve``: processes, prefix, login, origins."""

from __future__ import annotations

import http.client
import re
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id
from factory import small_spec
from playwright.sync_api import expect
from steps import classes, fine_tune, iterations, open_concept, select_class, shown
from test_saved_page import expect_pictures
from waiting import PATIENCE, wait_until

from inficond_panel.tuning import open_tuner


@pytest.fixture
def serve_with(serve, tmp_path: Path):
    """Start ``inficond serve`` with flags; give its address without the page's name."""

    def start(*flags: str, specs: tuple[Path, ...] = (), prefix: str = "") -> str:
        chosen = specs or (small_spec(tmp_path),)
        forked = "--num-procs" not in flags  # processes of a process of its own
        server = serve(*chosen, flags=flags, prefix=prefix, forked=forked)
        return server.url.removesuffix("/app")

    return start


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
        with urllib.request.urlopen(full, timeout=PATIENCE) as reply:
            assert reply.status == 200, link


def test_behind_a_prefix_with_processes_links_pictures_files_and_the_history_work(
    serve_with, open_page, tmp_path
) -> None:
    prefix = "/tools/concepts"
    url = serve_with("--prefix", prefix, "--num-procs", "2", prefix=prefix)
    wait_until(lambda: children(tmp_path / "history.small.log") == 2, "both processes have started")
    links_of_the_page_are_under_its_prefix(url)
    page = open_page(f"{url}/app", permissions=["clipboard-read", "clipboard-write"])
    expect(classes(page).first).to_be_visible()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:")))
    page.reload()
    expect(classes(page).first).to_be_visible()
    own = [address for address in asked if address.startswith("http")]
    assert [address for address in own if not address.startswith(url)] == []
    for name in ("sheep", "bicycle"):
        select_class(page, name)
        expect(page).to_have_url(f"{url}/app?class={name}")
    page.go_back()
    shown(page, "sheep")
    page.go_forward()
    shown(page, "bicycle")
    page.locator(".knowledge .thumb.down").first.click()
    fine_tune(page)
    concept = open_concept(page)
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
    for _ in range(3):  # the system gives a connection to either process
        other = open_page(link)
        expect(other.locator(".detail .subtitle")).to_have_text(concept)
        expect(iterations(other)).to_have_count(2)
        expect(other).to_have_url(link)


def test_a_login_is_asked_for_at_the_root_told_in_the_history_and_opens_all_data_sets(
    serve_with, open_page, tmp_path
) -> None:
    (tmp_path / "other").mkdir()
    spec, other = small_spec(tmp_path), small_spec(tmp_path / "other", classes=3, seed=5)
    other.write_text(other.read_text().replace("title: Small", "title: Other"))
    login = ["--basic-auth", "secret", "--cookie-secret", "a secret for cookies"]
    url = serve_with(*login, "--index", "app", specs=(spec, other))
    page = open_page(f"{url}/")
    for password in ("guess", "secret"):
        expect(page.locator(".performance")).to_have_count(0)
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(password)
        with page.expect_navigation():
            page.get_by_role("button", name="Log in").click()
    expect(classes(page)).to_have_count(4)
    select_class(page, "bicycle")
    page.locator(".knowledge .thumb.down").first.click()
    fine_tune(page)
    tuner = open_tuner(spec, history=tmp_path / "history.sqlite")
    assert tuner.nodes()[1].author == "ada"
    moves = [e for e in tuner.history.events(tuner.root_id) if e.kind == "fine-tune"]
    assert [event.author for event in moves] == ["ada"]
    page.get_by_role("combobox", name="Dataset").select_option("Other")
    expect(classes(page)).to_have_count(3)


@pytest.mark.parametrize(
    ("flags", "status"), [([], 403), (["--allow-websocket-origin", "elsewhere.example"], 101)]
)
def test_other_sites_reach_the_server_only_where_they_are_allowed(
    serve_with, flags, status
) -> None:
    host = serve_with(*flags).removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=PATIENCE)
    upgrade = {
        "Origin": "http://elsewhere.example",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": f"bokeh, {generate_jwt_token(generate_session_id())}",
        "Sec-WebSocket-Extensions": "permessage-deflate",
    }
    connection.request("GET", "/app/ws", headers=upgrade)
    reply = connection.getresponse()
    assert reply.status == status
    # What a page is sent is packed: half of a first page comes by its websocket.
    packed = "permessage-deflate" in reply.getheader("Sec-WebSocket-Extensions", "")
    assert packed == (status == 101)
    connection.close()
