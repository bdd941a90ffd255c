"""Encoding by the workers of a Dask cluster: the same bits, also when a worker is killed."""

import asyncio
import os
import signal
import socket
import threading
from contextlib import suppress

import pytest
from precompute_factory import CONV, photo_set, tiny_encoder

import precompute
from inficond_panel.common.cluster import connected
from inficond_panel.errors import DataError, InficondError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store

distributed = pytest.importorskip("distributed")
clusters = pytest.importorskip("clusters")
pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Photos (one cannot be read), an encoder, a spec, and the store made without a cluster."""
    folder = tmp_path_factory.mktemp("cluster")
    photo_set(folder, 24)
    (folder / "photos" / "images" / "00004.jpg").write_text("no image")
    tiny_encoder(folder / "encoder", CONV)
    precompute.run(load_spec(folder / "spec.yaml"), folder / "whole" / "a.zarr")
    return folder


@pytest.fixture(scope="module")
def cluster():
    """Two workers, and their scheduler."""
    with clusters.two_workers("open_clip", "precompute") as cluster:
        yield cluster


def test_a_stopped_run_goes_on_with_a_cluster_and_an_error_is_told(home, tmp_path, cluster):
    def stop(line):
        if line.startswith("Images encoded"):
            raise KeyboardInterrupt

    spec, store, lines = load_spec(home / "spec.yaml"), tmp_path / "a.zarr", []
    with pytest.raises(KeyboardInterrupt):
        precompute.run(spec, store, progress=stop, scheduler=cluster.scheduler_address)
    report = precompute.run(spec, store, progress=lines.append)
    first = next(line for line in lines if line.startswith("Images encoded"))
    assert int(first.split()[2]) > 3  # those of the cluster are counted already
    assert report.content_hash == open_store(home / "whole" / "a.zarr").content_hash
    spec = load_spec(home / "spec.yaml")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights")
    spec.concepts.encoder.pretrained = broken
    with pytest.raises(DataError, match="cannot be read as weights") as told:
        precompute.run(spec, tmp_path / "a.zarr", scheduler=cluster.scheduler_address)
    assert told.value.remedy == "Download or save the file again."


def test_a_killed_worker_does_not_stop_the_run_and_changes_no_bit(home, tmp_path, cluster):
    killed, lines = [], []

    def kill(line):
        lines.append(line)
        if line.startswith("Images encoded") and not killed:
            worker = next(iter(cluster.workers.values()))
            killed.append(worker.pid)
            os.kill(worker.pid, signal.SIGKILL)

    spec, address = load_spec(home / "spec.yaml"), cluster.scheduler_address
    report = precompute.run(spec, tmp_path / "a.zarr", progress=kill, scheduler=address)
    assert killed
    assert f"Encoding: 2 workers of {address}" in lines
    assert not [line for line in lines if "may differ" in line]
    assert report.content_hash == open_store(home / "whole" / "a.zarr").content_hash
    assert report.skipped[0][0] == "00004"


#: What may be behind a wrong address: nothing that Dask can read.
GARBAGE = {
    "bytes": b"\xff" * 4_096,
    "zeros": bytes(64),
    "one frame": (1).to_bytes(8, "little") + (4).to_bytes(8, "little") + b"\x91\xc1\xc1\xc1",
    "a website": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "a short answer": b"\x01\x00",
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_what_is_no_scheduler_is_told(monkeypatch, kind):
    monkeypatch.setattr("inficond_panel.common.cluster.TIMEOUT", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connection.sendall(GARBAGE[kind])
                    connection.close()

        threading.Thread(target=answer, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(InficondError, match="No Dask scheduler answers"), connected(address):
            pass
        server.shutdown(socket.SHUT_RDWR)


def test_what_accepts_a_connection_and_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr("inficond_panel.common.cluster.TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:  # its system accepts
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(InficondError, match="no answer within"), connected(address):
            pass


def test_a_scheduler_is_reached_where_an_event_loop_runs():
    async def reach(address):
        with connected(address) as client:
            return len(client.nthreads())

    given = {"n_workers": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**given) as cluster:
        assert asyncio.run(reach(cluster.scheduler_address)) == 1


def test_no_scheduler_and_one_without_workers_are_told(home, tmp_path, monkeypatch):
    monkeypatch.setattr("inficond_panel.common.cluster.TIMEOUT", 0.2)
    spec, store = load_spec(home / "spec.yaml"), tmp_path / "a.zarr"
    with pytest.raises(InficondError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        precompute.run(spec, store, scheduler="tcp://127.0.0.1:1")
    monkeypatch.undo()
    given = {"n_workers": 0, "processes": False, "dashboard_address": None}
    with (
        distributed.LocalCluster(**given) as cluster,
        pytest.raises(InficondError, match="has no workers"),
    ):
        precompute.run(spec, store, scheduler=cluster.scheduler_address)
