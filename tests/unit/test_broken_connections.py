"""A store at an address whose server breaks connections, for a moment or for good."""

import socket
import struct
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from types import SimpleNamespace

import pytest
from factory import small_store
from more_factory import added_part

from inficond_panel.common import places
from inficond_panel.errors import StoreError
from inficond_panel.store import more_photos, open_store
from inficond_panel.store.more_photos import more_folder

upath = pytest.importorskip("upath")
pytestmark = pytest.mark.slow

#: Sent to close a connection: no orderly end, but a reset.
RESET = struct.pack("ii", 1, 0)


class Flaky(SimpleHTTPRequestHandler):
    """Answers of a web server, of which the next ``faults`` of files below ``part`` fail in one
    way."""

    protocol_version = "HTTP/1.1"
    fault, faults, requests, part = "", 0, 0, ""

    def do_GET(self):
        Flaky.requests += 1
        if Flaky.faults <= 0 or Flaky.part not in self.path:
            return super().do_GET()
        Flaky.faults -= 1
        return getattr(self, Flaky.fault)()

    def unavailable(self):
        self.send_error(503)

    def cut(self):
        """Half of an answer."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(bytes(500))
        self.close_connection = True

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.connection.close()
        self.rfile = self.wfile = BytesIO()  # nothing more is sent
        self.close_connection = True

    def silent(self):
        time.sleep(3)

    def log_message(self, *_):
        pass


BROKEN = ["unavailable", "cut", "reset"]


@pytest.fixture
def address(tmp_path):
    small_store(tmp_path / "small.zarr")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Flaky, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/small.zarr"
        Flaky.faults = 0
        server.shutdown()


def fail(fault, times=1000, part=""):
    Flaky.fault, Flaky.faults, Flaky.requests, Flaky.part = fault, times, 0, part


@pytest.mark.parametrize("fault", BROKEN)
def test_what_fails_once_is_read(address, fault, tmp_path):
    store = open_store(address)
    fail(fault, 1)
    assert (store.concept_score == open_store(tmp_path / "small.zarr").concept_score).all()


@pytest.mark.parametrize("fault", BROKEN)
def test_a_store_opens_though_its_first_request_fails(address, fault):
    fail(fault, 1)
    assert len(open_store(address).images) == 200


@pytest.mark.parametrize("fault", [*BROKEN, "silent"])
def test_a_server_that_fails_for_good_is_told(address, fault, monkeypatch):
    monkeypatch.setattr(places, "_SILENT", 0.2)
    store = open_store(address)
    fail(fault)
    with pytest.raises(StoreError, match="cannot be reached") as told:
        store.read("concept_score")
    assert told.value.remedy.endswith("the connection, then try again.")


def test_a_server_that_fails_for_good_is_asked_three_times(address):
    store = open_store(address)
    fail("unavailable")
    with pytest.raises(StoreError):
        store.read("concept_score")
    assert Flaky.requests == 3


def test_what_could_not_be_read_is_read_later(address):
    store = open_store(address)
    fail("unavailable")
    with pytest.raises(StoreError):
        store.read("concept_score")
    Flaky.faults = 0
    assert store.read("concept_score").shape == (200, 30)


def test_a_silent_server_is_asked_once_more(address, monkeypatch):
    monkeypatch.setattr(places, "_SILENT", 0.2)
    store = open_store(address)
    fail("silent")
    with pytest.raises(StoreError):
        store.read("concept_score")
    assert Flaky.requests == 2


@pytest.mark.parametrize("fault", BROKEN)
def test_photos_are_verified_though_a_request_fails(address, fault):
    store = open_store(address)
    fail(fault, 1, part="/thumbnail/")
    store.verify()
    assert Flaky.faults == 0


@pytest.fixture
def added(address, tmp_path, monkeypatch):
    """The store at the address, to which photos were added."""
    added_part(open_store(tmp_path / "small.zarr"))
    (there,) = more_folder(open_store(tmp_path / "small.zarr")).glob("*.zarr")
    remote = places.place_of(address).parent / there.parent.name / there.name
    monkeypatch.setattr(more_photos, "stores_in", lambda _: [remote])  # not listed over HTTP
    return open_store(address)


@pytest.mark.parametrize("fault", BROKEN)
def test_added_photos_are_found_though_the_first_request_for_them_fails(added, fault):
    fail(fault, 1)
    assert [part.images for part in more_photos.parts_of(added)] == [12]


def test_added_photos_out_of_reach_are_not_taken_for_damaged(added):
    fail("unavailable")
    with pytest.raises(StoreError, match="cannot be reached"):
        more_photos.parts_of(added)


def test_added_photos_out_of_reach_when_they_are_read_are_not_taken_for_damaged(added):
    parts = more_photos.parts_of(added)
    fail("unavailable")
    with pytest.raises(StoreError, match="cannot be reached"):
        more_photos.more_photos(added, [part.content_hash for part in parts])


class Calls:
    """A function whose first call fails; ``before``: after it did its work, whose answer is lost.
    Each call takes a minute of the clock."""

    def __init__(self, function, error, *, before=False):
        self.function, self.error, self.before, self.count, self.now = function, error, before, 0, 0

    def __call__(self, *given, **named):
        self.count, self.now = self.count + 1, self.now + 60
        if self.count == 1:
            if self.before:
                self.function(*given, **named)
            raise self.error
        return self.function(*given, **named)


@pytest.fixture
def bucket():
    """An address in a file system of this process."""
    place = upath.UPath("memory://broken/data")
    place.fs.pipe_file("/broken/data/one.zarr/zarr.json", b"{}")
    yield place
    place.fs.rm("/broken", recursive=True)


def failing(monkeypatch, place, name, error=None, **more):
    """Let the next request of a method fail; the calls of the method."""
    calls = Calls(getattr(place.fs, name), error or ConnectionResetError("reset"), **more)
    monkeypatch.setattr(place.fs, name, calls)
    clock = SimpleNamespace(monotonic=lambda: calls.now, sleep=lambda _: None)
    monkeypatch.setattr(places, "time", clock)
    return calls


def test_a_read_that_broke_after_a_minute_is_tried_again(bucket, monkeypatch):
    calls = failing(monkeypatch, bucket, "cat_file")
    assert places.tried(bucket, lambda: calls("/broken/data/one.zarr/zarr.json")) == b"{}"


def test_the_size_of_an_array_is_asked_again(bucket, monkeypatch):
    failing(monkeypatch, bucket, "du")
    assert places.size_of(bucket) == 2


def test_stores_are_listed_again(bucket, monkeypatch):
    failing(monkeypatch, bucket, "find")
    assert [store.name for store in places.stores_in(bucket)] == ["one.zarr"]


def test_denied_rights_are_not_asked_again(bucket, monkeypatch):
    calls = failing(monkeypatch, bucket, "du", PermissionError("denied"))
    assert places.size_of(bucket) is None
    assert calls.count == 1


@pytest.mark.parametrize("before", [False, True])
def test_an_object_is_created_though_the_answer_is_lost(bucket, monkeypatch, before):
    failing(monkeypatch, bucket, "pipe_file", before=before)
    places.create(bucket / "lock", b"mine")
    assert bucket.fs.cat_file("/broken/data/lock") == b"mine"


@pytest.mark.parametrize("fails", [False, True])
def test_an_object_of_another_process_is_not_taken_for_ours(bucket, monkeypatch, fails):
    bucket.fs.pipe_file("/broken/data/lock", b"theirs")
    if fails:
        failing(monkeypatch, bucket, "pipe_file")
    with pytest.raises(FileExistsError):
        places.create(bucket / "lock", b"mine")
