"""Stores in object storage, against a server of S3's protocol that the test starts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from factory import ATTRS, small_arrays, small_store
from object_storage import SECRET, credentials, s3_server
from precompute_factory import named_encoder, photo, photo_set, without_torch, write_table
from waiting import wait_until

import precompute
from inficond_panel.cli import main
from inficond_panel.common.places import place_of
from inficond_panel.errors import StoreError, StoreFormatError, StoreMissingError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store, write_store
from inficond_panel.store.more_photos import parts_of
from inficond_panel.tuning import Intent, open_tuner

pytest.importorskip("moto")
pytest.importorskip("s3fs")
pytestmark = pytest.mark.more

WRITE = """
import sys
from factory import ATTRS, small_arrays
from inficond_panel.store import write_store
write_store(sys.argv[1], small_arrays(images=600, concepts=200), ATTRS)
"""
OPEN = """
import sys
from inficond_panel.errors import StoreError
from inficond_panel.store import open_store
try:
    open_store(sys.argv[1])
except StoreError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server(dict(os.environ)) as url:
        yield url


@pytest.fixture
def bucket(server: str, request: pytest.FixtureRequest, monkeypatch) -> Any:
    """A place in a new bucket."""
    for name, value in credentials(server).items():
        monkeypatch.setenv(name, value)
    name = re.sub(r"[^a-z]+", "-", request.node.name)[:60].strip("-")
    place = place_of(f"s3://{name}/data/")
    place.fs.mkdir(name)  # type: ignore[attr-defined]
    return place


def run_python(script: str, address: str, url: str, **more: str) -> subprocess.Popen:
    env = {**os.environ, **credentials(url), **more}
    env["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    command = [sys.executable, "-c", script, address]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


def test_a_store_in_a_bucket_is_the_store_on_disk(bucket: Any, tmp_path: Path) -> None:
    here = small_store(tmp_path / "small.zarr")
    address = f"{bucket}/stores/small.zarr"
    assert write_store(address, small_arrays(), ATTRS) == here.content_hash
    there = open_store(address)
    there.verify()
    assert there.thumbnail(7) == here.thumbnail(7)
    assert (there.concept_score == here.concept_score).all()


def test_what_is_tuned_from_a_bucket_is_what_is_tuned_from_disk(bucket: Any, tmp_path) -> None:
    address = f"{bucket}/small.zarr"
    write_store(address, small_arrays(), ATTRS)
    small_store(tmp_path / "small.zarr")
    nodes = [
        open_tuner(store, history=tmp_path / f"{name}.sqlite")
        for name, store in [("there", address), ("here", tmp_path / "small.zarr")]
    ]
    batch = [Intent("bicycle", "wheel", "up")]
    there, here = (tuner.fine_tune(tuner.root(), batch) for tuner in nodes)
    assert there.id == here.id
    for file in tmp_path.glob("there*"):
        assert SECRET.encode() not in file.read_bytes()


def test_precompute_writes_to_a_bucket_and_extend_adds(bucket, tmp_path, monkeypatch) -> None:
    without_torch(monkeypatch)
    monkeypatch.chdir(tmp_path)
    photo_set(tmp_path, 12)
    named_encoder(tmp_path / "encoder")
    spec, address = load_spec(tmp_path / "spec.yaml"), f"{bucket}/tiny.zarr"
    made = precompute.run(spec, address)
    assert made.content_hash == precompute.run(spec, tmp_path / "tiny.zarr").content_hash
    assert not precompute.run(spec, address).changed
    photo(50).save(tmp_path / "p50.png")
    write_table(tmp_path / "more.csv", ["p50"], [[1.0, -1.0]])
    precompute.extend(spec, address, [tmp_path / "p50.png"], logits=tmp_path / "more.csv")
    assert [part.images for part in parts_of(open_store(address))] == [1]
    assert not list(tmp_path.glob("*.partial"))
    spec.path.write_text(spec.path.read_text().replace("max_per_image: 4", "max_per_image: 3"))
    with pytest.raises(StoreError, match="not replaced"):
        precompute.run(load_spec(spec.path), address)
    main(["info", address])
    objects = bucket.fs.find(bucket.path)
    assert not any(SECRET.encode() in bucket.fs.cat_file(name) for name in objects)


def test_a_killed_writer_leaves_no_store_and_the_next_one_writes_it(bucket: Any, server) -> None:
    address = f"{bucket}/killed.zarr"
    writer = run_python(WRITE, address, server)
    listed = lambda: bucket.fs.find(f"{bucket.path}/killed.zarr")  # noqa: E731
    bucket.fs.use_listings_cache = False
    wait_until(lambda: bucket.fs.invalidate_cache() or listed(), "the first object is there")
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    with pytest.raises(StoreMissingError, match="no store at s3://"):
        open_store(address)
    again = run_python(WRITE, address, server)
    assert again.wait() == 0
    open_store(address).verify()


def test_two_writers_of_one_address_take_turns(bucket: Any) -> None:
    from inficond_panel.store.write import only_run

    place = bucket / "small.zarr"
    with only_run(place):
        second = only_run(place)
        with pytest.raises(StoreError, match=r"is being written by process \d+"):
            second.__enter__()
    with only_run(place):
        pass


@pytest.mark.parametrize("fault", ["gone", "other bytes"])
def test_a_damaged_store_in_a_bucket_is_told(bucket: Any, fault: str) -> None:
    address = f"{bucket}/small.zarr"
    write_store(address, small_arrays(), ATTRS)
    store, chunk = open_store(address), bucket / "small.zarr/concept_score/c/0/0"
    if fault == "gone":
        chunk.unlink()
    else:
        chunk.write_bytes(b"other")
    with pytest.raises(StoreFormatError, match="concept_score differs from its hash"):
        store.read("concept_score")


def test_a_denied_bucket_and_a_server_that_is_gone_are_told(tmp_path: Path) -> None:
    with s3_server({**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "0"}) as url:
        denied, _ = run_python(OPEN, "s3://bucket/small.zarr", url).communicate()
    gone, _ = run_python(OPEN, "s3://bucket/small.zarr", url).communicate()
    for told in (denied, gone):
        assert told.startswith("StoreError s3://bucket/small.zarr cannot be reached: ")
        assert "your rights" in told
        assert SECRET not in told
