"""A server of a study as strangers meet it: addresses, headers, sessions, messages."""

from __future__ import annotations

import asyncio
import base64
import gzip
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id
from factory import small_spec
from panel.io.resources import component_resource_path
from panel.widgets import Tabulator
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError
from wire import Client, serving, session_of

import inficond_panel
from inficond_panel.serving.allowance import CALL, CALLS, GAIN, MOST
from inficond_panel.serving.messages import MESSAGE_SIZE, UNPACKED_SIZE, unpack

WORD = "a word for tests"
PAGES = ("/study", "/researcher")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    arguments = ["study", "serve", "inficond", "--data", str(folder / "data")]
    given = {"page": "/researcher", "forked": True, "INFICOND_STUDY_PASSWORD": WORD}
    with serving(folder, *arguments, **given) as served:
        yield served


@pytest.fixture(scope="module")
def plain_server(tmp_path_factory):
    """The app's file as ``panel serve`` runs it."""
    app = str(Path(inficond_panel.__file__).with_name("app.py"))
    folder = tmp_path_factory.mktemp("plain")
    arguments = ["panel", "serve", app, "--args", str(small_spec(folder))]
    history = str(folder / "h.sqlite")
    with serving(folder, *arguments, page="/app", INFICOND_HISTORY=history) as served:
        yield served


@pytest.fixture(scope="module", params=["server", "plain_server"])
def any_server(request):
    return request.getfixturevalue(request.param)


# --- addresses

MODULES = ("this", "unittest.__main__", "inficond_panel.__main__", "panel.__main__", "os", "sys")
ODD = (
    "", ".", "..", ".os", "%00", "%0a", "%ff", "%2e%2e/%2e%2e/etc/passwd", "../../etc/passwd",
    "//etc/passwd", "a" * 5000, "{0}", "%s%n", "\\..\\..", "panel", "panel.",
    "panel.io.server/sys/_css/x",
    "panel.widgets.base/Widget/_resources/x", "panel.widgets.base/Widget/__css__/x",
    "panel.template.base/BasicTemplate/_resources/css/x", "panel.viewable/Viewable/_css/%00",
)  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_a_url_imports_nothing(any_server, module) -> None:
    assert any_server.get(f"/components/{module}/a/b/c")[0] == 404
    assert any_server.get("/favicon.ico")[0] == 200
    assert "Zen of Python" not in any_server.log.read_text()


def test_no_odd_path_is_an_error_of_the_server_or_leaves_its_folders(any_server) -> None:
    page = any_server.page
    folders = ["/", "/components/", "/static/", "/static/extensions/", "/static/extensions/panel/"]
    for prefix in (*folders, "/rest/", f"{page}/", f"{page}/static/"):
        for odd in ODD:
            status, headers, text = any_server.get(prefix + odd)
            assert status < 500, prefix + odd
            assert "root:" not in text
            assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_root_leads_to_the_page_with_its_query(plain_server) -> None:
    for query in ("", "?class=bus&at=1", "?note=a%2F%2Fb"):
        status, headers, _ = plain_server.get(f"/{query}")
        assert (status, headers["Location"]) == (302, f"./app{query}")


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "OPTIONS", "DELETE"])
def test_no_method_is_an_error_of_the_server(any_server, method) -> None:
    script = "/autoload.js"
    for end in ("", "/ws", "/metadata", script, f"{script}?bokeh-autoload-element=x"):
        assert any_server.get(any_server.page + end, method)[0] < 500
    assert any_server.get("/", method)[0] < 500


def test_components_of_the_page_are_served(any_server) -> None:
    """Files that Panel's own components load, so that the guard does not shut out the page."""
    path = component_resource_path(Tabulator, "__css__", "x").rpartition("/")[0]
    assert any_server.get(f"/{path}/x")[0] in {403, 404}
    assert any_server.get("/static/extensions/panel/panel.min.js")[0] == 200


def test_the_first_page_is_the_participants(server) -> None:
    status, _, html = server.get("/")
    assert status == 200
    assert "researcher" not in html


def test_the_first_page_loads_nothing_from_elsewhere(server) -> None:
    html = server.get("/")[2]
    assert re.findall(r'(?:src|href)="((?:https?:)?//[^"]+)"', html) == []


# --- headers


def test_every_answer_says_who_may_frame_it(any_server) -> None:
    page = any_server.page
    for path in (page, "/nothing", "/static/js/bokeh.min.js", f"{page}/metadata", "/favicon.ico"):
        _, headers, _ = any_server.get(path)
        assert headers["Content-Security-Policy"].startswith("frame-ancestors 'self'")
        assert "*" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


def test_the_script_to_embed_a_page_is_for_hosts_that_are_named(server) -> None:
    script, own = "/study/autoload.js?bokeh-autoload-element=x", f"http://localhost:{server.port}"
    assert server.get(script, Origin="http://evil.example")[0] == 403
    assert server.get(script, Sec_Fetch_Site="cross-site")[0] == 403
    assert server.get(script, "OPTIONS", Origin="http://evil.example")[0] == 403
    status, headers, _ = server.get(script, Origin=own)
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, own)
    assert server.get(script)[1]["Access-Control-Allow-Origin"] is None
    for name in ("bokeh-app-path", "bokeh-absolute-url"):
        assert server.get(f"{script}&{name}=%22;alert(2)//")[0] == 400


# --- sessions


def test_no_request_names_its_session(any_server) -> None:
    own, page = any_server.token(), any_server.page
    script = f"{page}/autoload.js?bokeh-autoload-element=x"
    for named in (f"bokeh-session-id={session_of(own)}", f"bokeh-token={own}"):
        assert any_server.get(f"{page}?{named}")[0] == 403
        assert any_server.get(f"{script}&{named}")[0] == 403
    assert any_server.get(f"{page}?bokeh-session-id=evil")[0] == 403
    assert any_server.get(page, Bokeh_Session_Id="evil")[0] == 403
    assert session_of(any_server.token()) != session_of(own)


def test_a_session_that_somebody_uses_is_closed_to_others(server) -> None:
    async def meet() -> None:
        token = server.token()
        researcher = await Client.open(server, token)
        assert (await researcher.read()).msgtype == "ACK"
        model = (await researcher.components())["BoardFrame"][0]
        await researcher.tell(model, {"action": "login", "password": WORD})
        assert (await researcher.answer())[0] == "OK"
        other = await Client.open(server, token)
        assert await other.read() is None  # closed, without a word of the page
        await researcher.tell(model, {"action": "add_participant"})
        assert (await researcher.answer())[0] == "OK"
        researcher.close()

    asyncio.run(meet())


def test_a_token_that_is_not_from_here_opens_nothing(server) -> None:
    forged = generate_jwt_token(generate_session_id(signed=False), signed=False)
    other_key = {"secret_key": b"another", "signed": True}
    signed = generate_jwt_token(generate_session_id(**other_key), **other_key)

    async def knock(token: str) -> None:
        client = await Client.open(server, token)
        assert await client.read() is None

    for token in (forged, signed, "garbage", "Z2FyYmFnZQ"):
        asyncio.run(knock(token))


# --- messages


def test_what_the_controls_of_a_page_send_is_done(plain_server) -> None:
    async def work() -> None:
        client = await Client.open(plain_server, plain_server.token())
        assert (await client.read()).msgtype == "ACK"
        await client.event("document_ready")
        await client.until("KnowledgeTable", lambda _: True)
        components = await client.components()
        (knowledge, data), (strip, _) = (
            components[name] for name in ("KnowledgeTable", "ConfigurationStrip")
        )
        await client.tell(strip, {"action": "choose_class", "name": "bicycle"})
        rows = (await client.until("KnowledgeTable", lambda now: now["rows"]))["rows"]
        concept = dict(rows[0]["entries"])["concept"]
        thumb = {"action": "toggle", "concept": concept, "direction": "down"}
        await client.tell(knowledge, thumb)
        await client.until("KnowledgeTable", lambda now: len(now["pending"]) == 1)
        change = {"kind": "ModelChanged", "model": {"id": data["id"]}, "attr": "top", "new": 5}
        await client.patch(change)
        await client.until("KnowledgeTable", lambda now: len(now["rows"]) == 5)
        own = await client.until("KnowledgeTable", lambda now: now["student"] == "bicycle")
        assert len(own["rows"]) == 5
        client.close()

    before = len(plain_server.log.read_text())
    asyncio.run(work())
    assert "Refused" not in plain_server.log.read_text()[before:]


async def open_page(server) -> tuple[Client, str]:
    client = await Client.open(server, server.token())
    assert (await client.read()).msgtype == "ACK"
    return client, (await client.components())["BoardFrame"][0]


def bomb(size: int) -> str:
    return base64.b64encode(gzip.compress(b"\0" * size)).decode()


def most_megabytes(server) -> float:
    """Largest memory that the server has had, in 10^6 bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def set_tags(model: str, value: object) -> dict:
    return {"kind": "ModelChanged", "model": {"id": model}, "attr": "tags", "new": [value]}


@pytest.mark.skipif(sys.platform != "linux", reason="looks at memory in /proc")
def test_a_message_that_unpacks_to_much_is_refused_unpacked(server) -> None:
    async def send() -> None:
        client, model = await open_page(server)
        before = most_megabytes(server)
        await client.patch(set_tags(model, {"type": "bytes", "data": bomb(500 << 20)}))
        kind, told = await client.answer()
        assert (kind, told["text"]) == ("ERROR", "DeserializationError")
        assert told["traceback"] is None
        assert most_megabytes(server) - before < 250
        parts = [{"type": "bytes", "data": bomb(6 << 20)} for _ in range(3)]
        await client.patch(*[set_tags(model, part) for part in parts])
        assert (await client.answer())[0] == "ERROR"
        await client.patch(set_tags(model, {"type": "bytes", "data": bomb(1 << 20)}))
        assert (await client.answer())[0] == "OK"
        client.close()

    asyncio.run(send())


PATCH = '{"msgid": "1", "msgtype": "PATCH-DOC"}'
BUFFERS = '{"msgid": "1", "msgtype": "PATCH-DOC", "num_buffers": 9999}'
NO_MESSAGES = {
    "large": ("x" * (MESSAGE_SIZE + 1),),
    "no json": ("{", "{}", "{}"),
    "no kind": ('{"msgid": "1"}', "{}", "{}"),
    "unknown": ('{"msgid": "1", "msgtype": "NONE"}', "{}", "{}"),
    "push": ('{"msgid": "1", "msgtype": "PUSH-DOC"}', "{}", '{"doc": {}}'),
    "deep": (PATCH, "{}", "[" * 200_000),
    "binary": (b"binary",),
    "buffers": (BUFFERS, "{}", '{"events": []}') + ('{"id": "1"}', b"x" * (MESSAGE_SIZE - 1)) * 17,
}


@pytest.mark.parametrize("fragments", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_what_is_no_message_ends_its_connection_and_nothing_else(server, fragments) -> None:
    async def send() -> None:
        client, _ = await open_page(server)
        before = server.log.stat().st_size
        with suppress(WebSocketClosedError, StreamClosedError):
            await client.send_raw(*fragments)
        assert (await client.answer())[0] == "CLOSED"
        assert server.log.stat().st_size - before < 2000

    asyncio.run(send())
    assert server.get("/favicon.ico")[0] == 200


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "ModelChanged", "model": {"id": "none"}, "attr": "tags", "new": 1},
        {"kind": "ModelChanged"},
        {"kind": "SECRET"},
        {"type": "object", "name": "SECRET"},
        {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": {"type": "SECRET"}},
        set_tags("MODEL", {"type": "ndarray", "array": ["a"] * 9, "dtype": "U99999999",
                           "order": "little", "shape": [9]}),
        set_tags("MODEL", {"type": "bytes", "data": "SECRET"}),
        set_tags("MODEL", [{"type": "object", "name": "Div", "id": str(at)} for at in range(9000)]),
        set_tags("MODEL", {"type": "set", "entries": [at * (2**61 - 1) for at in range(30_000)]}),
    ],
)  # fmt: skip
def test_a_malformed_change_is_answered_and_the_page_goes_on(server, event) -> None:
    async def send() -> None:
        client, model = await open_page(server)
        before = server.log.stat().st_size
        if "model" in event and event["model"]["id"] == "MODEL":
            event["model"]["id"] = model
        await client.patch(event)
        assert (await client.answer())[0] == "ERROR"
        log = server.log.read_text()[before:]
        assert len([line for line in log.splitlines() if "Refused a message" in line]) == 1
        assert len(log) < 1000
        await client.tell(model, {"action": "SECRET"})
        assert (await client.answer())[0] == "OK"
        client.close()

    asyncio.run(send())


def called(model: str) -> dict:
    """An event that calls Panel's handlers of a component."""
    values = {"type": "map", "entries": [["model", {"id": model}], ["data", {}]]}
    data = {"type": "event", "name": "data_event", "values": values}
    return {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}


def test_a_message_of_thousands_of_events_is_refused_and_the_server_answers(server) -> None:
    async def send() -> tuple[str, object]:
        client, model = await open_page(server)
        await client.patch(*[called(model)] * 4_700)
        answer = await client.answer()
        client.close()
        return answer

    kind, told = asyncio.run(send())
    assert (kind, told["text"]) == ("ERROR", "DeserializationError")
    assert server.get("/health")[0] == 200


def test_a_flood_of_events_is_read_at_the_rate_of_the_allowance(server) -> None:
    floods = 12

    async def send() -> list[str]:
        client, model = await open_page(server)
        for _ in range(floods):
            await client.patch(*[called(model)] * CALLS)
        answers = [(await client.answer())[0] for _ in range(floods)]
        client.close()
        return answers

    began = time.monotonic()
    answers = asyncio.run(send())
    assert set(answers) == {"OK"}
    # the last message is answered before it is waited for
    assert time.monotonic() - began >= (CALL * CALLS * (floods - 1) - MOST) / GAIN


def test_bytes_are_unpacked_up_to_the_limit() -> None:
    assert unpack(bomb(UNPACKED_SIZE), UNPACKED_SIZE) == b"\0" * UNPACKED_SIZE
    no_gzip = base64.b64encode(b"x" * 9).decode()
    for data in (bomb(UNPACKED_SIZE + 1), bomb(9)[:-8], "no base64 !", no_gzip):
        with pytest.raises(ValueError, match=r"^bytes "):
            unpack(data, UNPACKED_SIZE)
    two = base64.b64encode(gzip.compress(b"a") + gzip.compress(b"b")).decode()
    with pytest.raises(ValueError, match="one whole"):
        unpack(two, UNPACKED_SIZE)


# --- weight


def test_scripts_are_packed_for_browsers_that_take_it(any_server) -> None:
    path = "/static/js/bokeh-widgets.min.js"
    plain, packed = (any_server.get(path, Accept_Encoding=how)[1] for how in ("identity", "gzip"))
    assert (plain["Content-Encoding"], packed["Content-Encoding"]) == (None, "gzip")
    assert int(packed["Content-Length"]) < int(plain["Content-Length"]) / 3
    assert packed["Vary"] == "Accept-Encoding"
    assert any_server.get(path, Accept_Encoding="gzip", Range="bytes=0-9")[0] == 206
    scripts = any_server.get(any_server.page)[2]
    assert "bokeh-widgets" in scripts
    assert "bokeh-gl" not in scripts
