"""The logits of a store as a table, which another spec takes as its teacher."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
from frames import single_frames

from inficond_panel import from_frames
from inficond_panel.cli import main
from inficond_panel.store import open_store


def test_the_csv_gives_back_every_digit(spec_file: Path, capsys) -> None:
    assert main(["logits", str(spec_file), "--csv"]) == 0
    frame = pd.read_csv(io.StringIO(capsys.readouterr().out), dtype={"image_id": str})
    store = open_store(next(spec_file.parent.glob("*.zarr")))
    assert frame.columns.tolist() == ["image_id", *store.classes]
    assert frame["image_id"].tolist() == list(map(str, store.images))
    np.testing.assert_array_equal(
        frame[store.classes].to_numpy(dtype=store.teacher_logit.dtype), store.teacher_logit
    )


def test_further_classes_of_a_softmax_come_last(tmp_path: Path, capsys) -> None:
    """Without them the softmax of the table would be another one."""
    frames, path = single_frames(others=2), tmp_path / "own.zarr"
    from_frames(**frames, path=path)
    assert main(["logits", str(path), "--csv"]) == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out), dtype={"image_id": str})
    found = found.set_index("image_id")
    assert len(found.columns) == len(frames["labels"].columns) + 2
    expected = frames["logits"].loc[found.index, found.columns]
    np.testing.assert_array_equal(found.astype(np.float32), expected.astype(np.float32))


def test_the_table_for_people(spec_file: Path, capsys) -> None:
    assert main(["logits", str(spec_file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    store = open_store(next(spec_file.parent.glob("*.zarr")))
    assert len(lines) == 2 + len(store.images)
    assert lines[2].split()[-1] == f"{store.teacher_logit[0, -1]:.3f}"
