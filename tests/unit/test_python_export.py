"""Students as a Python file: each kind of segments decides photos as ``inficond predict`` does."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from precompute_factory import CONV, SPEC, VIT, photo, photo_set, tiny_encoder

from inficond_panel import open_students
from inficond_panel.cli import main
from inficond_panel.errors import ExportError
from inficond_panel.export import load_export
from inficond_panel.spec import load_spec

torch = pytest.importorskip("torch")
pytest.importorskip("skimage")
pytestmark = pytest.mark.torch

CONTRAST = "  scores: {method: contrast, temperature: 0.5}\n"
CENTRED = "  scores: {method: centred}\n"
HEAD = "{method: head, max_per_image: 4, head: {images: 3, epochs: 1}}"


def make(folder: Path, vision: dict, segments: str, scores: str = "") -> Path:
    """A spec whose store has 12 photos; beside it four that are in no store, more than a batch."""
    import precompute

    photo_set(folder, 12)
    tiny_encoder(folder / "encoder", vision)
    (folder / "masks").mkdir()
    (folder / "new").mkdir()
    for seed in range(50, 54):
        photo(seed).save(folder / "new" / f"new-{seed}.png")
    for file in (*(folder / "photos" / "images").iterdir(), *(folder / "new").iterdir()):
        mask(file).save(folder / "masks" / f"{file.stem}.png")
    text = SPEC.replace("{max_per_image: 4}", segments).replace(
        "  segments:", f"{scores}  segments:"
    )
    (folder / "spec.yaml").write_text(text)
    spec = load_spec(folder / "spec.yaml")
    precompute.run(spec, spec.store)
    open_students(folder / "spec.yaml").fit()
    return folder / "spec.yaml"


def mask(file: Path):
    from PIL import Image

    with Image.open(file) as image:
        width, height = image.size
    columns = 1 + np.arange(width) // 17
    return Image.fromarray(np.tile(columns, (height, 1)).astype(np.uint8))


@pytest.mark.parametrize(
    ("vision", "segments", "scores"),
    [
        (VIT, "{method: slic, max_per_image: 4}", CONTRAST),
        (CONV, "{method: felzenszwalb, max_per_image: 4}", CENTRED),
        (CONV, "{max_per_image: 4, refine: edges}", ""),
        (CONV, HEAD, ""),
        (CONV, "{method: file, max_per_image: 4, masks: masks}", ""),
    ],
)
def test_logits_are_those_of_predict_without_spec_and_store(tmp_path, vision, segments, scores):
    spec = make(tmp_path / "made", vision, segments, scores)
    photos = sorted((spec.parent / "new").iterdir())
    argv = ["export", str(spec), "--format", "python-pixels", "--output", str(tmp_path / "out")]
    assert main(argv) == 0
    expected = open_students(spec).predict_images(photos).table["student_logit"]
    assert np.ptp(expected.unstack(), axis=0).min() > 1e-4  # photos differ
    for part in ("spec.yaml", "spec.zarr", "encoder", "photos"):
        (spec.parent / part).rename(spec.parent / f"{part}.away")
    loaded = runpy.run_path(str(tmp_path / "out" / "predict.py"))
    rows = loaded["students"](str(spec.parent / "masks")).table(photos)
    assert [(row["image"], row["class"]) for row in rows] == list(expected.index)
    # to the bit: the same operators on the same batches
    assert [row["student_logit"] for row in rows] == expected.to_list()


def test_the_file_runs_and_damage_is_told(tmp_path, capsys):
    spec = make(tmp_path / "made", CONV, "{method: slic, max_per_image: 4}")
    out = tmp_path / "out"
    argv = ["export", str(spec), "--format", "python-pixels", "--output", str(out)]
    assert main([*argv, "--format", "npz"]) == 0
    assert "on 12 photos of the store, logits differ" in capsys.readouterr().out
    card = json.loads((out / "card.json").read_text())["python_pixels"]
    assert card["median_logit_difference"] <= card["largest_logit_difference"] <= 1e-6
    assert "Photos, by a Python file" in (out / "README.md").read_text()
    photos = [str(spec.parent / "new" / "new-50.png"), str(spec)]
    done = _run(out, photos)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 3)
    assert done.stdout.startswith("image,class,student_logit,student_probability,student_decision")
    assert done.stderr.startswith(f"{spec}: ")
    assert main([*argv, "--force"]) == 0
    alone = shutil.copytree(out, tmp_path / "alone")
    assert load_export(alone).classes == ("bicycle", "train")
    with (alone / "encoder.pt").open("ab") as file:
        file.write(b" ")
    done = _run(alone, photos)
    assert (done.returncode, done.stdout) == (1, "")
    assert "encoder.pt is not the file that was exported" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_differs_from_predict_is_not_written(tmp_path, monkeypatch):
    from precompute.pipeline import carried

    spec = make(tmp_path / "made", CONV, "{method: slic, max_per_image: 4}")
    right = carried.CarriedEncoder.dense
    monkeypatch.setattr(carried.CarriedEncoder, "dense", lambda *given: right(*given)[:, ::-1] + 1)
    with pytest.raises(ExportError, match="exported logits differ from inficond predict by"):
        open_students(spec).up("train", "rail").export(tmp_path / "out", ["python-pixels"])
    assert not (tmp_path / "out").exists()


def _run(folder: Path, photos: list[str]) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, str(folder / "predict.py"), *photos],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": root}, check=False,
    )  # fmt: skip
