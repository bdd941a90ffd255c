"""A store at an address whose server breaks connections, for a moment or for good."""

import socket
import struct
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest
from factory import small_store

from inficond_panel.common import places
from inficond_panel.errors import StoreError
from inficond_panel.store import open_store

pytest.importorskip("upath")
pytestmark = pytest.mark.slow

#: Sent to close a connection: no orderly end, but a reset.
RESET = struct.pack("ii", 1, 0)


class Flaky(SimpleHTTPRequestHandler):
    """Answers of a web server, of which the next ``faults`` fail in one way."""

    protocol_version = "HTTP/1.1"
    fault, faults, requests = "", 0, 0

    def do_GET(self):
        Flaky.requests += 1
        if Flaky.faults <= 0:
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


def fail(fault, times=1000):
    Flaky.fault, Flaky.faults, Flaky.requests = fault, times, 0


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


def test_a_silent_server_is_not_asked_without_end(address, monkeypatch):
    """Each try takes all the time that there is for tries."""
    monkeypatch.setattr(places, "_SILENT", 0.2)
    monkeypatch.setattr(places, "_LAST_TRY", 0.1)
    store = open_store(address)
    fail("silent")
    with pytest.raises(StoreError):
        store.read("concept_score")
    assert Flaky.requests == 1
