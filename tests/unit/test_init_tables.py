"""``inficond init`` of three tables: a store of scores from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from frames import frames
from PIL import Image
from test_init import refused

from inficond_panel.cli import main
from inficond_panel.store import open_store

FORM = ["scores.csv", "logits.csv", "labels.csv", "--splits", "split.csv", "--output", "own.zarr"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, given in frames(40).items():
        frame = given.to_frame("split") if name == "split" else given
        frame.rename_axis("image_id").to_csv(f"{name}.csv")
    return tmp_path


def test_three_tables_and_photos_beside_their_own_become_a_store(folder, capsys):
    (folder / "photos").mkdir()
    rows, given = ["image_id,path"], frames(40)
    for image in given["split"].index:
        Image.new("RGB", (20, 10)).save(folder / "photos" / f"{image}.png")
        rows.append(f"{image},{image}.png")
    (folder / "photos" / "list.csv").write_text("\n".join(rows))
    assert main(["init", *FORM, "--title", "Birds"]) == 0
    store = open_store("own.zarr")
    assert store.title == "Birds"
    assert store.images[:2] == ["0000", "0001"]  # leading zeros stay
    np.testing.assert_allclose(store.concept_score, given["scores"].to_numpy(), atol=1e-6)
    np.testing.assert_array_equal(store.label, given["labels"].to_numpy())
    told = capsys.readouterr().out
    assert "20 fit, 10 tune, 10 holdout" in told
    assert "This store has no photos" in told
    assert "inficond serve own.zarr" in told
    assert "own.zarr already exists" in refused(capsys, *FORM)
    assert main(["init", *FORM[:-1], "b.zarr", "--photos", "photos/list.csv"]) == 0
    assert open_store("b.zarr").picture(0).size == (20, 10)


FAULTS = {
    "two tables": (FORM[1:], "Three tables are needed (scores, logits, labels), got 2"),
    "no split": ([*FORM[:3], *FORM[5:]], "--splits table is missing"),
    "no store": ([*FORM[:6], "own.yaml"], "--output must name a store, such as own.zarr"),
    "keys of photos": ([*FORM, "--teacher", "t.onnx"], "--teacher is only for a folder of photos"),
    "one file": (["scores.csv"], "scores.csv is a file, not a folder"),
    "no such file": (["none.csv", *FORM[1:]], "There is no file none.csv"),
    "no split column": ([*FORM[:4], "labels.csv", *FORM[5:]], "labels.csv has no column split"),
    "not CSV": (["x.bin", *FORM[1:]], "x.bin cannot be read as CSV"),
    "no ids": (["ids.csv", *FORM[1:]], "no column image_id; its first columns are: a, b"),
    "text": (["text.csv", *FORM[1:]], "scores has columns that are not numeric: 'a'"),
    "probabilities": (["scores.csv", "scores.csv", *FORM[2:]], "logits look like probabilities"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_makes_no_store_is_said_and_leaves_nothing(folder, capsys, fault):
    (folder / "x.bin").write_bytes(b"\xff\xfe\x00\x01" * 9)
    (folder / "ids.csv").write_text("a,b\n1,2\n")
    (folder / "text.csv").write_text("image_id,a\n0000,many\n")
    before = sorted(folder.iterdir())
    arguments, message = FAULTS[fault]
    assert message.lower() in refused(capsys, *arguments).lower()
    assert sorted(folder.iterdir()) == before
