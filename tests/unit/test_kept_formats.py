"""Files of every format that a version has written are read, or refused in one sentence."""

import json
import shutil
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pytest
from factory import spec_text

from inficond_panel.cli import main
from inficond_panel.common.formats import other_format
from inficond_panel.export import load_export
from inficond_panel.export.exported import EXPORT_VERSION
from inficond_panel.store import FORMAT_VERSION, open_store
from inficond_panel.study.run.log import SCHEMA, StudyLog
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.history.log import HISTORY

pytestmark = [pytest.mark.commands, pytest.mark.page]
KEPT = Path(__file__).parents[1] / "formats"
FACTS = json.loads((KEPT / "facts.json").read_text())


@pytest.fixture
def folder(tmp_path):
    """A spec with the kept store and history beside it, as another version left them."""
    (tmp_path / "small.yaml").write_text(spec_text())
    with zipfile.ZipFile(KEPT / "store-1.zip") as store:
        store.extractall(tmp_path / "small.zarr")
    shutil.copy(KEPT / "history-2.sqlite", tmp_path / "small.history.sqlite")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        f"store-{FORMAT_VERSION}.zip",
        f"history-{HISTORY.version}.sqlite",
        f"study-{SCHEMA.version}.sqlite",
        *(f"students-{EXPORT_VERSION}{suffix}" for suffix in (".npz", ".onnx", ".json")),
    ],
)
def test_a_file_of_each_format_that_is_written_is_kept(name):
    assert (KEPT / name).is_file(), "python tests/formats/write.py"


def test_a_kept_store_is_whole(folder):
    store = open_store(folder / "small.zarr")
    store.verify()
    assert store.content_hash == FACTS["store"]


def test_the_iterations_of_a_kept_history_are_those_of_its_spec(folder):
    tuner = open_tuner(folder / "small.yaml")
    assert tuner.history.get(FACTS["node"]).weights_hash == FACTS["weights"]


def test_a_kept_history_says_that_its_thumb_is_in_force(folder):
    tuner = open_tuner(folder / "small.yaml")
    (thumb,) = tuner.history.get(FACTS["node"]).intents
    assert (thumb.class_name, thumb.concept, thumb.direction) == ("bicycle", "wheel", "down")


def test_the_events_of_a_kept_study_are_read(tmp_path):
    shutil.copy(KEPT / "study-2.sqlite", tmp_path / "study.sqlite")
    assert len(StudyLog(tmp_path / "study.sqlite").events(1)) == FACTS["events"]


@pytest.mark.parametrize("suffix", [".npz", ".json", ".onnx"])
def test_kept_students_have_the_weights_of_their_iteration(folder, suffix):
    if suffix == ".onnx":
        pytest.importorskip("onnx")
    node = open_tuner(folder / "small.yaml").history.get(FACTS["node"])
    kept = load_export(KEPT / f"students-1{suffix}")
    np.testing.assert_allclose(kept.weights, node.weights, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("found", "by"), [(2, "a newer"), (0, "an earlier"), (None, "an earlier")])
def test_a_file_of_another_format_says_which_version_wrote_it(found, by):
    message, _ = other_format("x.zarr", found, 1, "Write it again.")
    assert f"has format {found}, of {by} version" in message


@pytest.fixture
def of_store(folder):
    """A spec that names the kept store alone, so that it can be checked without photos."""
    spec = folder / "small.yaml"
    spec.write_text("title: Small\nstore: small.zarr\nhistory: small.history.sqlite\n")
    return spec


@pytest.mark.parametrize(
    "line",
    [f"small.zarr, format {FORMAT_VERSION}", f"small.history.sqlite, format {HISTORY.version}"],
)
def test_check_names_the_format(of_store, capsys, line):
    main(["check", str(of_store)])
    assert line in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", ["has format 3, of a newer version", "Install the newest inficond-panel"]
)
def test_check_tells_of_a_history_of_a_newer_version(of_store, capsys, words):
    with sqlite3.connect(of_store.parent / "small.history.sqlite") as db:
        db.execute("PRAGMA user_version = 3")
    assert main(["check", str(of_store)]) == 1
    out, err = capsys.readouterr()
    assert (words in err, "no problems" in out) == (True, False)


def cut(history):
    """A disk that was full, or a copy that broke off."""
    history.write_bytes(history.read_bytes()[:-4096])


def without_a_trigger(history):
    with sqlite3.connect(history) as db:
        db.execute("DROP TRIGGER nodes_update")


@pytest.mark.parametrize("damage", [cut, without_a_trigger], ids=lambda damage: damage.__name__)
def test_check_fails_on_a_damaged_history(of_store, capsys, damage):
    damage(of_store.parent / "small.history.sqlite")
    assert main(["check", str(of_store)]) == 1
    assert "small.history.sqlite is damaged" in capsys.readouterr().err


def test_check_looks_at_the_history_that_the_program_uses(of_store, capsys, monkeypatch):
    used = of_store.parent / "used.sqlite"
    used.write_text("no history")
    monkeypatch.setenv("INFICOND_HISTORY", str(used))
    assert main(["check", str(of_store)]) == 1
    assert f"{used} is not a history" in capsys.readouterr().err


def test_check_makes_no_history(of_store, capsys, monkeypatch):
    none = of_store.parent / "none.sqlite"
    monkeypatch.setenv("INFICOND_HISTORY", str(none))
    assert main(["check", str(of_store)]) == 0
    assert f"{none} (does not exist yet)" in capsys.readouterr().out
    assert not none.exists()
