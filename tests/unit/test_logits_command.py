"""The logits of a store as a table, which another spec takes as its teacher."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
from frames import single_frames

from inficond_panel import from_frames
from inficond_panel.store import open_store


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), dtype={"image_id": str}).set_index("image_id")


def test_the_csv_gives_back_every_digit_and_the_table_three(run, spec_file: Path) -> None:
    store = open_store(spec_file.with_suffix(".zarr"))
    frame = read(run("logits", spec_file, "--csv")[1])
    assert frame.columns.tolist() == store.classes
    assert frame.index.tolist() == list(map(str, store.images))
    np.testing.assert_array_equal(frame.to_numpy(store.teacher_logit.dtype), store.teacher_logit)
    status, out, _ = run("logits", spec_file)
    lines = out.splitlines()
    assert (status, len(lines)) == (0, 2 + len(store.images))
    assert lines[2].split()[-1] == f"{store.teacher_logit[0, -1]:.3f}"


def test_further_classes_of_a_softmax_come_last(run, tmp_path: Path) -> None:
    """Without them the softmax of the table would be another one."""
    frames, path = single_frames(others=2), tmp_path / "own.zarr"
    from_frames(**frames, path=path)
    found = read(run("logits", path, "--csv")[1])
    assert len(found.columns) == len(frames["labels"].columns) + 2
    expected = frames["logits"].loc[found.index, found.columns]
    np.testing.assert_array_equal(found.astype(np.float32), expected.astype(np.float32))
