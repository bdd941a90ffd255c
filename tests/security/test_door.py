"""Messages of a browser: one that no control sends does nothing but leave one line."""

from __future__ import annotations

import asyncio
import base64
import gc
import gzip
import logging
from contextlib import suppress
from types import SimpleNamespace

import pytest
from bokeh.core.serialization import DeserializationError
from bokeh.document import Document
from bokeh.protocol.exceptions import ProtocolError
from factory import small_spec
from panel.io.state import set_curdoc
from panel.models.esm import DataEvent

from inficond_panel.serving import allowance, sessions
from inficond_panel.serving.allowance import CALLS, EVENTS, SAVED, SHARE
from inficond_panel.serving.messages import (
    ENTRIES,
    MODELS,
    PARTS,
    VALUES,
    _decode_bytes,
    _handled,
    _received,
    values_of,
)
from inficond_panel.spec import load_spec
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import open_store
from inficond_panel.tuning import History, Tuner
from inficond_panel.ui import component as base
from inficond_panel.ui import upstream
from inficond_panel.views.page.page import make_views
from inficond_panel.views.page.shell import Shell

SECRET = "what nobody may read in a log"
#: No control sends these, to any view.
NONSENSE = [
    None, 1, [], {}, "", SECRET, [SECRET], {SECRET: 1}, {"action": SECRET}, {"action": []},
    {"action": {}}, {"action": None}, {"action": "_toggle"}, {"action": "act"},
    {"action": "set_note"}, {"action": "compare", "before": 3, "after": SECRET},
    {"action": "choose_class"}, {"action": "choose_class", "name": SECRET},
    {"action": "export_students", "node": 1}, {"action": "take_back", "at": 1, "thumbs": 2},
    {"action": "go", "search": [], "turn": SECRET}, {"action": "go"},
    {"action": "save_students", "names": [SECRET], "kind": "csv"},
    {"action": "choose_split", "name": "fit"},
    {"action": "go", "search": SECRET}, {"action": "toggle"},
    {"action": "toggle", "concept": SECRET, "direction": "up"},
    {"action": "toggle", "concept": "wheel", "direction": SECRET},
    {"action": "toggle", "concept": ["wheel"], "direction": "up"},
    {"action": "toggle", "concept": "wheel", "direction": "up", SECRET: 1},
    {"action": "toggle_group", "concepts": ["wheel", SECRET], "direction": "up"},
    {"action": "toggle_group", "concepts": 7, "direction": "up"},
    {"action": "join_group", "of": SECRET, "concept": "wheel"},
    {"action": "join_group", "of": "wheel", "concept": 7}, {"action": "join_group", "of": SECRET},
    {"action": "open", "concept": SECRET}, {"action": "open", "concept": ["wheel"]},
    {"action": "select", "student": SECRET}, {"action": "find_changes", "name": SECRET},
    {"action": "pictures", "segments": [SECRET]}, {"action": "pictures", "segments": None},
    {"action": "pictures", "rows": 3}, {"action": "pictures", "rows": [True]},
    {"action": "photo", "row": []}, {"action": "take_apart", "row": {}},
    {"action": "drop", "concept": 1}, {"action": "thumb_group", "direction": 1},
    {"action": "press", "key": "thumb " + SECRET}, {"action": "press", "key": SECRET},
    {"action": "point", "place": [SECRET]}, {"action": "point", "place": [1]},
    {"action": "undo", "text": "x" * (base.LONGEST + 1)},
]  # fmt: skip


@pytest.fixture(autouse=True)
def _log(caplog, monkeypatch) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(base._log, "filters", [])  # each test counts lines of its own


def open_app(spec_file) -> AppState:
    spec = load_spec(spec_file, check_files=False)
    tuner = Tuner(open_store(spec.store), spec, History(":memory:"))
    upstream.apply()  # as the app does
    app = AppState(tuner, Jobs(inline=True))
    app.selection.class_name = "bicycle"
    return app


def components_of(app: AppState) -> dict:
    views = make_views(app)
    shell = Shell(app, views)
    parts = {"bar": views["knowledge"].bar, "panels": views["knowledge"].panels}
    shown = {name: view.__panel__() for name, view in views.items()}
    return {**shown, **parts, "shell": shell.__panel__()}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """A page that stays as it is, and its components."""
    app = open_app(small_spec(tmp_path_factory.mktemp("door")))
    return app, components_of(app)


@pytest.fixture
def app(spec_file) -> AppState:
    return open_app(spec_file)


@pytest.fixture
def components(app):
    return components_of(app)


def tell(component, message) -> None:
    component._process_event(DataEvent(None, message))


def state_of(app: AppState) -> tuple:
    chosen = app.selection
    names = (chosen.class_name, chosen.concept, *chosen.concepts)
    return names, app.tuning.pending, app.tuning.head.id, app.store.attrs["title"]


@pytest.mark.parametrize("message", NONSENSE, ids=lambda message: repr(message)[:40])
def test_nonsense_changes_nothing_and_says_nothing_of_itself(untouched, message, caplog) -> None:
    app, components = untouched
    before = state_of(app)
    for component in components.values():
        caplog.clear()
        tell(component, message)
        assert len(caplog.records) <= 1
        for record in caplog.records:
            assert record.getMessage().startswith("Refused a message to ")
            assert record.exc_info is None
            assert len(record.getMessage()) < 120
    assert state_of(app) == before
    assert SECRET not in caplog.text


def test_what_is_unknown_is_refused_with_a_line_that_says_where(app, components, caplog) -> None:
    tell(components["knowledge"], {"action": "toggle", "concept": SECRET, "direction": "up"})
    [record] = caplog.records
    assert record.getMessage().startswith("Refused a message to KnowledgeTable: TuningError at ")
    tell(components["shell"], {"action": "no such action"})
    assert "Refused a message to ShellPage: ValueError at " in caplog.text


def test_what_a_control_sends_is_done(app, components, caplog) -> None:
    tell(components["knowledge"], {"action": "toggle", "concept": "wheel", "direction": "up"})
    assert [(i.class_name, i.concept) for i in app.tuning.pending] == [("bicycle", "wheel")]
    tell(components["configuration"], {"action": "choose_class", "name": "sheep"})
    assert app.selection.class_name == "sheep"
    tell(components["embedding"], {"action": "open", "concept": "fur"})
    assert app.selection.concept == "fur"
    assert caplog.records == []


@pytest.mark.parametrize("name", ["find", "sort", "top"])
def test_the_browser_sets_what_its_controls_set(untouched, name) -> None:
    assert name in untouched[1]["knowledge"]._linked_properties


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ("knowledge", "student"), ("knowledge", "rows"), ("provenance", "comparison"),
        ("bar", "pending"), ("panels", "shift"),
        ("detail", "concept"), ("performance", "rows"), ("configuration", "data"),
    ],
)  # fmt: skip
def test_the_browser_does_not_set_what_the_server_tells(untouched, component, name) -> None:
    assert name not in untouched[1][component]._linked_properties


@pytest.mark.parametrize(
    ("component", "changes"),
    [
        ("performance", {"selected": SECRET}),
        ("performance", {"selected": 3}),
        ("performance", {"sort": SECRET}),
        ("knowledge", {"sort": SECRET}),
        ("knowledge", {"top": 7}),
        ("bar", {"factor": "x"}),
        ("knowledge", {"find": "x" * 201}),
        ("knowledge", {"find": None}),
        ("embedding", {"projection": SECRET}),
        ("embedding", {"zoom": SECRET}),
        ("detail", {"filters": [SECRET]}),
        ("shell", {"layout": {"rows": SECRET}}),
        ("shell", {"layout": 3}),
        ("shell", {"tab": 5}),
        ("provenance", {"metric": SECRET}),
    ],
)
def test_a_setting_that_no_control_has_is_refused_in_one_line(
    untouched, component, changes, caplog
) -> None:
    app, components = untouched
    before = state_of(app)
    components[component]._process_events(changes)
    assert state_of(app) == before
    assert len(caplog.records) <= 1
    assert SECRET not in caplog.text
    assert "Traceback" not in caplog.text


@pytest.fixture
def flood(components, monkeypatch) -> SimpleNamespace:
    """Send messages of a page at a moment that tests set, and what of them was taken."""
    moment = [0.0]
    monkeypatch.setattr(base.time, "monotonic", lambda: moment[0])
    taken, first = [], Document()
    components["knowledge"].on_msg(lambda event: taken.append(event.data))

    def send(document: Document, count: int) -> None:
        with set_curdoc(document):
            for _ in range(count):
                tell(components["knowledge"], {"action": "open", "concept": "wheel"})

    return SimpleNamespace(moment=moment, taken=taken, first=first, send=send)


def test_a_flood_is_dropped_with_one_line(flood, caplog) -> None:
    flood.send(flood.first, 1000)
    assert len(flood.taken) == base.BURST
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_others_go_on_during_a_flood(flood) -> None:
    flood.send(flood.first, 1000)
    flood.send(Document(), 1)
    assert len(flood.taken) == base.BURST + 1


def test_a_flood_is_taken_at_its_rate(flood, caplog) -> None:
    flood.send(flood.first, 1000)
    flood.moment[0] += 2.0
    flood.send(flood.first, 1000)
    assert len(flood.taken) == base.BURST + 2 * base.RATE
    assert len(caplog.records) == 2


def test_a_key_that_is_held_down_for_ten_seconds_is_never_dropped(monkeypatch) -> None:
    moment = 0.0
    monkeypatch.setattr(base.time, "monotonic", lambda: moment)
    pace = base.Pace()
    for _ in range(330):
        moment += 1 / 33
        assert pace.allows()


def test_a_long_note_is_refused(app, components) -> None:
    node = app.tuning.head.id
    tell(components["provenance"], {"action": "set_note", "node": node, "text": "x" * 5_001})
    assert "5,001 characters" in app.tuning.problem


def test_a_long_name_is_refused(app, components) -> None:
    node = app.tuning.head.id
    tell(components["provenance"], {"action": "rename", "node": node, "text": "x" * 201})
    assert "201 characters" in app.tuning.problem


def test_a_note_of_the_largest_length_is_written(app, components) -> None:
    node = app.tuning.head.id
    tell(components["provenance"], {"action": "set_note", "node": node, "text": "x" * 5_000})
    assert app.tuning.problem == ""
    assert [n.note for n in app.tuning.nodes] == ["x" * 5_000]


def test_a_long_concept_is_refused(app) -> None:
    app.concepts.add("x" * 1_001)
    assert "1,001 characters" in app.concepts.status.text


# --- messages of a websocket that cannot be handled


class Socket:
    def __init__(self, closing: bool) -> None:
        self.closing = closing

    def is_closing(self) -> bool:
        return self.closing


def handle(socket: Socket | None, error: Exception) -> object:
    """Handle a message on which the handler fails, as a server does."""

    async def fail(*_: object) -> None:
        raise error

    connection = SimpleNamespace(
        _socket=SimpleNamespace(ws_connection=socket), error=lambda _, told: ("error", told)
    )
    handler = SimpleNamespace(_handlers={"PULL-DOC-REQ": fail})
    message = SimpleNamespace(msgtype="PULL-DOC-REQ", content={})
    return asyncio.run(_handled(None, handler, message, connection))


@pytest.mark.parametrize("socket", [None, Socket(closing=True)])
def test_a_browser_that_is_gone_is_neither_answered_nor_logged(socket, caplog):
    assert handle(socket, AssertionError()) is None
    assert caplog.records == []


def test_a_browser_that_is_there_is_told_the_kind_of_error(caplog):
    assert handle(Socket(closing=False), ValueError("odd")) == ("error", "ValueError")
    [record] = caplog.records
    assert record.getMessage() == "Refused a message: ValueError('odd')"


def content(models: int = 0, entries: int = 0, values: int = 0) -> dict[str, object]:
    """Content of a message whose changes bring so much."""
    brought = [{"type": "object", "name": "Div", "id": f"d{at}"} for at in range(models)]
    numbers = {"type": "set", "entries": [at * (2**61 - 1) for at in range(entries)]}  # one hash
    return {"events": [{"new": [brought, numbers, [0] * values]}]}


def test_what_takes_long_to_decode_is_refused_before():
    assert values_of(content(MODELS, ENTRIES, VALUES // 2)) > VALUES // 2
    values_of({"type": ["no text"], "entries": 0})
    for costly in ({"models": MODELS + 1}, {"entries": ENTRIES + 1}, {"values": VALUES}):
        with pytest.raises(DeserializationError, match="more than"):
            values_of(content(**costly))
    pairs = {"type": "map", "entries": [[at, 0] for at in range(ENTRIES + 1)]}
    with pytest.raises(DeserializationError, match="entries"):
        values_of([pairs])


CALLED = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": {}}
CHANGED = {"kind": "ModelChanged", "model": {"id": "1"}, "attr": "tags", "new": 1}


def decoded(events: list[dict[str, object]]) -> int:
    """Number of events that a message brings to the handler."""
    taken = []

    async def take(message, _):
        taken.extend(message.content["events"])

    connection = SimpleNamespace(
        _socket=SimpleNamespace(ws_connection=Socket(closing=False)), error=lambda *_: None
    )
    handler = SimpleNamespace(_handlers={"PATCH-DOC": take})
    sent = SimpleNamespace(msgtype="PATCH-DOC", content={"events": events})
    asyncio.run(_handled(None, handler, sent, connection))
    return len(taken)


@pytest.mark.parametrize(("event", "most"), [(CALLED, CALLS), (CHANGED, EVENTS)])
def test_a_message_of_too_many_events_is_refused_before_any_is_decoded(event, most):
    taken = [decoded([event] * number) for number in (most, most + 1, 4_700)]
    assert taken == [most, 0, 0]


@pytest.mark.parametrize("kind", ["RootAdded", "RootRemoved"])
def test_a_page_adds_and_removes_no_part_of_itself(kind):
    assert decoded([CHANGED, {"kind": kind, "model": {"id": "1"}}]) == 0


async def unpacked(message: SimpleNamespace, _: object) -> None:
    """Unpack the bytes of the first event of a message, if it has some."""
    first = next(iter(message.content["events"]), {})
    if "bytes" in first:
        _decode_bytes(None, SimpleNamespace(), {"data": first["bytes"]})


async def _next_round(rest=asyncio.sleep) -> None:
    await rest(0)


class Page:
    """A connection whose page sends a message at each call of ``send``, at a moment of its own."""

    receiver = None
    max_message_size = 0
    ws_connection = SimpleNamespace(is_closing=lambda: False)

    def __init__(self, monkeypatch) -> None:
        self.moment, self.request = 1000.0, SimpleNamespace(remote_ip="10.0.0.1")
        monkeypatch.setattr(allowance.time, "monotonic", lambda: self.moment)
        monkeypatch.setattr(asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        if seconds:
            self.moment += seconds
        else:
            await _next_round()

    async def _receive(self, fragment: str) -> SimpleNamespace:
        return self._message

    async def _handle(self, message: SimpleNamespace) -> None:
        connection = SimpleNamespace(
            _socket=SimpleNamespace(ws_connection=Socket(closing=False)), error=lambda *_: None
        )
        handler = SimpleNamespace(_handlers=dict.fromkeys(("PATCH-DOC", "PULL-DOC-REQ"), unpacked))
        with suppress(ProtocolError):
            await _handled(None, handler, message, connection)

    def send(self, kind: str, events: list[dict[str, object]], size: int = 100) -> None:
        self._message = SimpleNamespace(msgtype=kind, content={"events": events})
        asyncio.run(_received(None, self, "x" * size))


RANGES = {"kind": "MessageSent", "msg_data": {"type": "event", "name": "rangesupdate"}}
CLICKED = {"kind": "MessageSent", "msg_data": {"type": "event", "name": "data_event"}}
ZEROS = base64.b64encode(gzip.compress(bytes(15 << 20))).decode()
#: Kinds of messages, and how many of each a session gets done in a minute, at most: about 0.9 s of
#: the server per second.
FLOODS = {
    "clicks": ("PATCH-DOC", [CLICKED] * CALLS, 1_000, 200),
    "a click": ("PATCH-DOC", [CLICKED], 500, 2_000),
    "changes": ("PATCH-DOC", [CHANGED] * EVENTS, 1_000_000, 400),
    "refused events": ("PATCH-DOC", [CLICKED] * 4_700, 851_000, 1_100),
    "no events": ("PATCH-DOC", [], 100, 60_000),
    "large values": ("PATCH-DOC", [CHANGED], 1_000_000, 1_000),
    "copies of the document": ("PULL-DOC-REQ", [], 100, 200),
    "values": ("PATCH-DOC", [{**CHANGED, "new": [0] * 99_000}], 200_000, 270),
    "unpacked bytes": ("PATCH-DOC", [{**CHANGED, "bytes": ZEROS}], 21_000, 230),
    "nonsense": ("UNKNOWN", [], 1_000_000, 1_000),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_is_read_slowly(monkeypatch, flood):
    kind, events, size, most = FLOODS[flood]
    page, done = Page(monkeypatch), 0
    while page.moment < 1060 and done <= 70_000:
        page.send(kind, events, size)
        done += 1
    assert done <= most


@pytest.mark.parametrize(
    ("kind", "events", "size", "per_second", "seconds"),
    [
        ("PATCH-DOC", [RANGES] + [CHANGED] * 4, 1_000, 60, 10),  # a map is dragged
        ("PATCH-DOC", [CLICKED], 500, 33, 10),  # a key is held down
        ("PATCH-DOC", [CHANGED], 15 << 20, 0.1, 10),  # a photo
        ("PULL-DOC-REQ", [], 100, 0.5, 10),
    ],
)
def test_what_a_browser_sends_is_never_kept_waiting(
    monkeypatch, kind, events, size, per_second, seconds
):
    page = Page(monkeypatch)
    number = max(1, int(per_second * seconds))
    for _ in range(number):
        page.send(kind, events, size)
        page.moment += 1 / per_second
    assert page.moment == pytest.approx(1000 + number / per_second)


def test_a_message_of_very_many_empty_parts_is_given_up():
    class Socket:
        max_message_size, receiver = 1, SimpleNamespace(_current_consumer=1, _HEADER=0)
        _received_size, _received_parts, faults = 0, 0, []

        async def _receive(self, _: str) -> None: ...

        def _protocol_error(self, text: str) -> None:
            self.faults.append(text)

    socket = Socket()
    for _ in range(PARTS):
        asyncio.run(_received(None, socket, ""))
    assert not socket.faults
    asyncio.run(_received(None, socket, ""))
    assert socket.faults == ["a message is too large"]


def test_connections_have_allowances_of_their_own(monkeypatch):
    Page(monkeypatch).send("PATCH-DOC", [CHANGED] * EVENTS)
    other = Page(monkeypatch)
    other.send("PATCH-DOC", [CLICKED])
    assert other.moment == 1000.0


class Clock(asyncio.SelectorEventLoop):
    """An event loop that does not wait: its time goes on to the next timer at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now, select = 1000.0, self._selector.select
        self._selector.select = lambda timeout: [self._go_on(timeout), select(0)][1]

    def _go_on(self, seconds: float | None) -> None:
        assert seconds is not None, "nothing will ever happen"
        self.now += seconds

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(allowance.time, "monotonic", clock.time)
    yield clock
    clock.close()


class Neighbour:
    """A connection of an address, whose messages keep the server busy for so many seconds each."""

    receiver, max_message_size = None, 0

    def __init__(self, clock: Clock, address: str = "10.0.0.1", takes: float = 0.0) -> None:
        self.clock, self.takes, self.handled = clock, takes, 0
        self.request = SimpleNamespace(remote_ip=address)
        self.ws_connection = Socket(closing=False)

    async def _receive(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(msgtype="PATCH-DOC", content={"events": [CHANGED]})

    async def _handle(self, _: SimpleNamespace) -> None:
        self.clock.now += self.takes
        self.handled += 1

    async def send(self) -> float:
        """Send a message; return the seconds until it has been handled."""
        began = self.clock.now
        await _received(None, self, "x")
        return self.clock.now - began

    async def flood(self, seconds: float) -> None:
        while self.clock.now < 1000 + seconds:
            await self.send()


def floods(clock: Clock, seconds: float, takes: float) -> list[asyncio.Task]:
    """20 connections of one address, each of which sends one message after the other."""
    pages = [Neighbour(clock, takes=takes) for _ in range(20)]
    return [asyncio.create_task(page.flood(seconds)) for page in pages]


@pytest.mark.parametrize("takes", [0.01, 0.5])
def test_connections_of_one_address_share_the_time(clock, takes):
    async def flood() -> list[int]:
        pages = [Neighbour(clock, takes=takes) for _ in range(20)]
        await asyncio.gather(*(page.flood(60) for page in pages))
        return [page.handled for page in pages]

    handled = clock.run_until_complete(flood())
    assert sum(handled) * takes == pytest.approx(SHARE * 60 + SAVED, abs=20.5 * takes)
    assert max(handled) - min(handled) <= 1  # in turn


def test_a_class_that_clicks_is_not_kept_waiting(clock):
    """30 people behind one address: each clicks every 3 s, 20 ms of the server per message."""

    async def click(page: Neighbour, at: int) -> float:
        await asyncio.sleep(at / 10)
        waits = 0.0
        for _ in range(20):
            waits += await page.send() + await page.send() - 2 * page.takes
            await asyncio.sleep(3 - 2 * page.takes)
        return waits

    async def lesson() -> list[float]:
        pages = [Neighbour(clock, takes=0.02) for _ in range(30)]
        return await asyncio.gather(*(click(page, at) for at, page in enumerate(pages)))

    assert max(clock.run_until_complete(lesson())) == pytest.approx(0, abs=1e-6)


def test_another_address_waits_for_one_message_of_a_flood_at_most(clock):
    async def during() -> list[float]:
        flood = floods(clock, 20, takes=0.2)
        waits = []
        other = Neighbour(clock, "10.0.0.2")
        while clock.now < 1015:
            await asyncio.sleep(0.7)
            waits.append(await other.send())
        await asyncio.gather(*flood)
        return waits

    waits = clock.run_until_complete(during())
    assert max(waits) <= 0.2 + 1e-6
    assert min(waits) == 0  # between two messages of the flood


def test_another_address_waits_for_one_new_page_of_a_flood_at_most(clock):
    class Request:
        request = SimpleNamespace(remote_ip="10.0.0.1", headers={})

        def get_argument(self, _: str, default: None) -> None:
            return default

    async def make(_: Request) -> None:
        clock.now += 0.2

    async def during() -> float:
        opened = [asyncio.create_task(sessions._own_id(make, Request())) for _ in range(20)]
        waited = await Neighbour(clock, "10.0.0.2").send()
        await asyncio.gather(*opened)
        return waited

    assert clock.run_until_complete(during()) <= 0.2 + 1e-6


def test_an_address_is_not_charged_for_the_messages_of_another_one(clock):
    async def both() -> float:
        busy, other = Neighbour(clock, takes=0.4), Neighbour(clock, "10.0.0.2")
        for _ in range(5):
            await asyncio.gather(busy.send(), other.send())
        return allowance.address_of(other).seconds.spend(SAVED)

    assert clock.run_until_complete(both()) == 0


def test_a_message_that_waited_in_a_flood_is_dropped_with_its_page(clock):
    async def close() -> int:
        flood = floods(clock, 10, takes=0.1)
        await asyncio.sleep(5)
        page = Neighbour(clock)
        sent = asyncio.create_task(page.send())
        await asyncio.sleep(0.01)
        page.ws_connection = None
        await asyncio.gather(sent, *flood)
        return page.handled

    assert clock.run_until_complete(close()) == 0


def test_a_connection_that_is_cancelled_in_its_turn_passes_it_on(clock):
    async def cancel() -> float:
        flood = floods(clock, 10, takes=0.5)
        await asyncio.sleep(5)
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
        await asyncio.sleep(1)
        return await Neighbour(clock).send()

    assert clock.run_until_complete(cancel()) == 0


def test_a_page_that_reads_no_answer_does_not_hold_up_its_neighbours(clock):
    async def send() -> float:
        stuck = Neighbour(clock)
        stuck._handle = lambda _: asyncio.sleep(1_000)
        waiting = asyncio.create_task(stuck.send())
        await asyncio.sleep(1)
        waited = await Neighbour(clock).send()
        waiting.cancel()
        return waited

    assert clock.run_until_complete(send()) == 0


def known(clock, seconds: float, takes: float) -> bool:
    """Whether an address is known so long after its only message, when its connection is gone."""

    async def come() -> None:
        await Neighbour(clock, "10.0.0.3", takes=takes).send()
        await asyncio.sleep(seconds)

    clock.run_until_complete(come())
    gc.collect()
    return "10.0.0.3" in {address for _, address in allowance._addresses}


def test_an_address_without_connections_is_forgotten_once_it_owes_no_time(clock):
    assert not known(clock, 5.0, takes=3.0)


def test_an_address_that_owes_time_is_known_without_connections(clock):
    assert known(clock, 0.5, takes=3.0)


def test_what_an_address_gains_in_a_turn_counts(clock):
    """A turn of 5 s takes 5 s of the 2 s that were saved and the 3.75 s that were gained: nothing
    is owed."""

    async def click() -> float:
        await Neighbour(clock, takes=5.0).send()
        return await Neighbour(clock).send()

    assert clock.run_until_complete(click()) == 0


def test_idle_time_pays_for_no_message_of_a_connection_beyond_what_is_saved(monkeypatch):
    page, took = Page(monkeypatch), []
    for _ in range(2):
        began = page.moment
        for _ in range(20):
            page.send("PATCH-DOC", [CLICKED] * CALLS)
        took.append(page.moment - began)
        page.moment += 3600
    assert took[1] == pytest.approx(took[0], rel=0.05)


@pytest.fixture
def moment(monkeypatch) -> list[float]:
    """The time, after an address has opened as many pages as it may in a minute."""
    moment = [1000.0]
    monkeypatch.setattr(sessions, "_openings", {})
    monkeypatch.setattr(sessions.time, "monotonic", lambda: moment[0])
    assert all(sessions.may_open("a") for _ in range(sessions.PAGES))
    return moment


def test_an_address_opens_so_many_pages_a_minute(moment):
    assert not sessions.may_open("a")


def test_another_address_opens_pages_meanwhile(moment):
    assert sessions.may_open("b")


def test_an_address_opens_pages_again_after_a_minute(moment):
    sessions.may_open("b")
    moment[0] += 61
    assert sessions.may_open("a")
    assert list(sessions._openings) == ["a"]  # who is gone is forgotten
