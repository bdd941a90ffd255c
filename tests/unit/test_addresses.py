"""Stores at addresses, in memory and on a web server; see also faults/test_object_storage.py."""

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from factory import ATTRS, small_arrays
from precompute_factory import dataset_section, photo
from waiting import PATIENCE

from inficond_panel.commands.serve.server import check_spec
from inficond_panel.common import places
from inficond_panel.common.installation import shipped_folder
from inficond_panel.common.places import is_remote, place_of
from inficond_panel.errors import DataError, SpecError, StoreError, StoreFormatError
from inficond_panel.errors import StoreMissingError as Missing
from inficond_panel.results.store_content import store_content
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.store import open_store, opening, write_store
from inficond_panel.store.more_photos import parts_of
from inficond_panel.store.write import only_run
from inficond_panel.study.spec.study_spec import is_study
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.opening import store_place
from precompute.datasets import load_dataset

pytestmark = pytest.mark.page

pytest.importorskip("upath")


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, but none below ``private``."""

    def do_GET(self) -> None:
        if "private" in self.path:
            self.send_error(403)
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def website(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def url(website, store, tmp_path):
    shutil.copytree(store.path, tmp_path / "small.zarr")
    return f"http://127.0.0.1:{website.server_port}/small.zarr"


@pytest.fixture
def memory(request, monkeypatch):
    """An address of its own in fsspec's memory, which users may not name."""
    monkeypatch.setattr(places, "PROTOCOLS", (*places.PROTOCOLS, "memory"))
    address = f"memory://{request.node.name}/small.zarr"
    yield address
    place = place_of(address).parent
    if place.exists():
        place.fs.rm(place.path, recursive=True)  # type: ignore[attr-defined]


def test_a_store_on_a_web_server_is_the_one_on_disk(url, store, tmp_path, monkeypatch):
    there = open_store(url)
    there.verify()
    assert there.content_hash == store.content_hash
    assert there.thumbnail(3) == store.thumbnail(3)
    assert (there.mask(3) == store.mask(3)).all()
    assert parts_of(there) == []  # the server lists nothing
    facts = store_content(there)["store"].attrs["facts"]
    assert (facts["store"], facts["bytes"]) == (url, None)
    tuners = (open_tuner(place, history=":memory:") for place in (url, store.path))
    assert len({tuner.root().id for tuner in tuners}) == 1
    monkeypatch.setenv("INFICOND_STORE", str(tmp_path / "other.zarr"))
    assert str(store_place(load_spec(url), None)) == url
    assert not is_study(find_spec(url.replace("small", "other")))
    with pytest.raises(StoreError, match="a web server takes no files"):
        write_store(url.replace("small", "other"), small_arrays(), ATTRS)
    monkeypatch.delenv("INFICOND_STORE")
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(tmp_path / "small.zarr/thumbnail/c")
    check_spec(url)  # serving begins without the photos of an address
    with pytest.raises(StoreFormatError, match="thumbnail differs from its hash"):
        check_spec(str(tmp_path / "small.zarr"))


def test_faults_at_an_address_are_told_apart(url, website, tmp_path):
    with pytest.raises(Missing, match=r"no store at http://.*/other\.zarr"):
        open_store(url.replace("small", "other"))
    with pytest.raises(StoreError, match=r"private\.zarr cannot be reached: 403"):
        open_store(url.replace("small", "private"))
    store = open_store(url)
    (tmp_path / "small.zarr/concept_score/c/0/0").unlink()
    with pytest.raises(StoreFormatError, match="concept_score differs from its hash"):
        store.read("concept_score")
    website.shutdown()
    website.server_close()
    for read in (lambda: store.thumbnail(0), lambda: open_store(url)):
        with pytest.raises(StoreError, match=r"cannot be reached: .*connect.*\n.*your rights"):
            read()


def test_one_run_at_a_time_writes_to_an_address(memory):
    lock = place_of(memory).with_name("small.zarr.lock")
    with only_run(place_of(memory)):
        second = only_run(place_of(memory))
        with pytest.raises(StoreError, match=r"by process \d+ on .*\n.*remove memory.*lock"):
            second.__enter__()
        assert lock.exists()
    assert not lock.exists()


def test_a_store_at_an_address_is_not_replaced(memory, store):
    assert write_store(memory, small_arrays(), ATTRS) == store.content_hash
    open_store(memory).verify()
    with pytest.raises(StoreError, match=r"not replaced.*\n.*another name"):
        write_store(memory, small_arrays(seed=1), ATTRS)
    assert open_store(memory).content_hash == store.content_hash


def test_files_of_a_small_store_are_not_listed(memory, monkeypatch):
    write_store(memory, small_arrays(), ATTRS)
    monkeypatch.setattr(opening, "size_of", pytest.fail)
    open_store(memory)


def test_a_cut_file_at_an_address_is_found(memory, monkeypatch):
    write_store(memory, small_arrays(), ATTRS)
    monkeypatch.setattr(opening, "_MOST_UNLISTED", 1)
    monkeypatch.setattr(opening, "size_of", lambda _: 1)
    with pytest.raises(StoreFormatError, match=r"thumbnail states \d+ values but has only 1 bytes"):
        open_store(memory)


def test_a_copy_without_its_last_file_is_no_store(memory, monkeypatch):
    def broken(*_: object) -> None:
        raise StoreError("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr(places, "create", broken)
        with pytest.raises(StoreError, match="is lost"):
            write_store(memory, small_arrays(seed=1), ATTRS)
    with pytest.raises(Missing, match="no store at memory"):
        open_store(memory)
    zero = small_arrays() | {"concept_score": np.zeros((200, 30))}
    write_store(memory, zero, ATTRS)  # nothing of the first copy is left
    open_store(memory).verify()


def test_a_spec_names_a_store_by_its_address(memory, tmp_path, monkeypatch):
    write_store(memory, small_arrays(), ATTRS)
    monkeypatch.setenv("BUCKET", memory.rpartition("/")[0])
    (tmp_path / "a.yaml").write_text("title: A\nstore: ${BUCKET}/small.zarr\n")
    spec = load_spec(tmp_path / "a.yaml")
    assert str(spec.store) == memory
    assert spec.history == tmp_path / "small.history.sqlite"
    assert "store: ${BUCKET}/small.zarr\n" in spec.to_yaml()
    open_tuner(tmp_path / "a.yaml").root()
    assert (tmp_path / "small.history.sqlite").exists()


def test_a_spec_names_nothing_else_by_its_address(tmp_path):
    (tmp_path / "a.yaml").write_text("title: A\nstore: a.zarr\nstudy: s3://bucket/study.yaml\n")
    with pytest.raises(SpecError, match="3:8: study: expected the path of a file, got the address"):
        load_spec(tmp_path / "a.yaml")


def test_a_drive_is_no_address():
    assert not is_remote("C://a.zarr")


def test_other_addresses_are_refused(tmp_path):
    for address, fault in (
        ("ftp://host/a.zarr", "begins with s3://"),
        ("memory://a/b.zarr", "begins with s3://"),
        ("file:///etc/passwd", "begins with s3://"),
        ("simplecache::s3://b/a.zarr", "begins with s3://"),
        ("s3://me:secret@bucket/a.zarr", "passwords do not belong"),
        ("https://host/a.zarr?token=secret", "has no query"),
        ("s3://me:a/secret@bucket/a.zarr", "passwords do not belong"),
        ("s3://bucket/", "a name is missing"),
        ("http://elsewhere.org/a.zarr", "write https://"),
    ):
        with pytest.raises(DataError, match=fault) as told:
            open_store(address)
        assert "secret" not in str(told.value)
        (tmp_path / "a.yaml").write_text(f"title: A\nstore: {address}\n")
        with pytest.raises(SpecError, match=f"2:8: store: .*{fault}"):
            load_spec(tmp_path / "a.yaml")


def test_photos_at_an_address_come_at_once_from_the_shipped_function(memory, tmp_path, monkeypatch):
    bucket = place_of(memory.replace("small.zarr", "photos"))
    read, together = type(bucket).read_bytes, threading.Barrier(3, timeout=PATIENCE)
    monkeypatch.setattr(type(bucket), "read_bytes", lambda at: (together.wait(), read(at))[1])
    for number, (label, name) in enumerate([("cat", "a"), ("cat", "b"), ("dog", "a")]):
        photo(number).save(tmp_path / "photo.png")
        (bucket / label / f"{name}.png").write_bytes((tmp_path / "photo.png").read_bytes())
    function = shipped_folder("specs") / "functions/from_bucket.py"
    thirds = "{fit: {from: all, share: 0.34}, tune: {from: all, share: 0.33}, holdout: rest}"
    text = f"{{kind: python, function: '{function}:images', root: '{bucket}', splits: {thirds}}}"
    section = dataset_section(tmp_path, text)
    section.allowed = True
    dataset = load_dataset(section)
    labels = dict(zip(dataset.ids, dataset.label.tolist(), strict=True))
    assert labels == {"cat/a": [1, 0], "cat/b": [1, 0], "dog/a": [0, 1]}
    for number, name in enumerate(["cat/a", "cat/b", "dog/a"]):
        pixels = np.asarray(dataset.load(dataset.ids.index(name)))
        assert (pixels == np.asarray(photo(number))).all()
