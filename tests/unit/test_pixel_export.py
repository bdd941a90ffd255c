"""Students from pixels: one ONNX model gives the logits of ``inficond predict``."""

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from precompute_factory import CONV, SPEC, VIT, photo, photo_set, tiny_encoder

import precompute
from inficond_panel import load_students, open_students
from inficond_panel.cli import main
from inficond_panel.errors import ExportError
from inficond_panel.export import onnx_file as pixel_export
from inficond_panel.spec import load_spec

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.torch, pytest.mark.commands]

KMEANS = "{max_per_image: 4}"
GRAPH = "{method: graph, max_per_image: 4}"
CONTRAST = "  scores: {method: contrast, temperature: 0.5}\n"
CENTRED = "  scores: {method: centred}\n"


def make(folder: Path, vision: dict, segments: str = KMEANS, scores: str = ""):
    photo_set(folder, 12)
    tiny_encoder(folder / "encoder", vision)
    text = SPEC.replace(KMEANS, segments).replace("  segments:", f"{scores}  segments:")
    (folder / "spec.yaml").write_text(text.replace("image_size: 96", "image_size: 128"))
    spec = load_spec(folder / "spec.yaml")
    precompute.run(spec, spec.store)
    return open_students(folder / "spec.yaml").fit()


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pixels")
    make(folder, VIT)
    return folder


@pytest.mark.parametrize(
    ("vision", "segments", "scores"),
    [(CONV, KMEANS, CENTRED), (VIT, GRAPH, CONTRAST), (VIT, "{max_per_image: 1}", "")],
)
def test_logits_of_photos_in_no_store_are_those_of_predict(tmp_path, vision, segments, scores):
    students = make(tmp_path, vision, segments, scores)
    files = students.export(tmp_path / "out", ["onnx-pixels", "sklearn"])
    images = [photo(seed) for seed in range(50, 56)]
    places = [tmp_path / f"new-{at}.png" for at in range(6)]
    for image, place in zip(images, places, strict=True):
        image.save(place)
    table = students.predict_images(places).table
    expected = table["student_logit"].unstack(sort=False).to_numpy(float)
    assert np.ptp(expected, axis=0).min() > 1e-3  # photos differ, so that the test can fail
    session = runtime.InferenceSession(files["onnx-pixels"], providers=["CPUExecutionProvider"])
    estimator = load_students(tmp_path / "out" / "students.json")
    card, found = estimator.card_["pixels"]["preprocessing"], []
    height, width = card["size"]
    mean, std = (np.array(card[key], np.float32) for key in ("mean", "std"))
    for image in images:  # prepared as the card says, by hand
        resized = np.asarray(image.resize((width, height), 3), np.float32)  # 3: bicubic
        pixels = ((resized / 255 - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)
        found.append(session.run(["logits"], {"pixels": pixels})[0])
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=0, atol=1e-4)


def test_segments_that_look_at_the_photo_are_refused(made, tmp_path, capsys):
    for segments in (
        "{max_per_image: 4, refine: edges}",
        "{method: slic}",
        "{method: felzenszwalb}",
    ):
        spec = made / f"{len(segments)}.yaml"
        text = (made / "spec.yaml").read_text().replace(KMEANS, segments)
        spec.write_text(text + f"store: {made / 'spec.zarr'}\n")
        out = tmp_path / "out"
        assert main(["export", str(spec), "--format", "onnx-pixels", "--output", str(out)]) == 1
        told = capsys.readouterr().err
        assert "Set concepts.segments to method kmeans or graph and refine: none" in told
        assert "--format onnx" in told
        assert not out.exists()


def test_a_model_that_differs_or_cannot_be_written_is_told(made, tmp_path, monkeypatch):
    students = open_students(made / "spec.yaml")
    with monkeypatch.context() as patch:
        patch.setattr(pixel_export, "TOLERANCE", -1.0)
        with pytest.raises(ExportError, match="differ from inficond predict"):
            students.export(tmp_path / "out", ["onnx-pixels"])
    assert list(tmp_path.iterdir()) == []
    strange = torch.onnx.errors.UnsupportedOperatorError("strange", 17, 17)
    monkeypatch.setattr(torch.onnx, "export", Mock(side_effect=strange))
    with pytest.raises(ExportError, match="cannot be written as ONNX"):
        students.export(tmp_path / "out", ["onnx-pixels"])
