"""Networks and students on a real GPU, held against the CPU; skipped where there is none."""

import numpy as np
import pytest
from frames import frames, joint_spec
from precompute_factory import CONV, HEAD, TABLE, TIMM, VIT, photo_folder, tiny_encoder

import inficond_panel
import precompute
from inficond_panel.common.devices import device_text
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from precompute.encoder import load_encoder

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU of CUDA"),
]


def on(spec, device):
    """The same spec for another device."""
    path = spec.with_name(f"{device}.yaml")
    path.write_text(f"{spec.read_text()}device: {device}\n")
    return path


@pytest.mark.parametrize("vision", [CONV, VIT])
def test_an_encoder_computes_in_float32_there_too(tmp_path, vision):
    section = tiny_encoder(tmp_path / "encoder", vision)
    cpu, gpu = (load_encoder(section, device) for device in ("cpu", "cuda"))
    assert gpu.device == device_text("auto").split()[0] == "cuda:0"
    pixels = np.random.default_rng(0).normal(size=(5, 3, *cpu.size)).astype(np.float32)
    for name in ("dense", "whole"):
        expected, found = (getattr(each, name)(pixels) for each in (cpu, gpu))
        np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())
    texts = ["a dog", "a cat on a mat"]
    np.testing.assert_allclose(gpu.embed_text(texts), cpu.embed_text(texts), atol=2e-5)


@pytest.mark.parametrize("teacher", [TIMM, HEAD])
def test_a_store_and_new_photos_are_the_same_to_rounding(tmp_path, teacher):
    spec = photo_folder(tmp_path) / "spec.yaml"
    spec.write_text(spec.read_text().replace(TABLE, teacher))
    stores, decided = [], []
    photos = sorted((tmp_path / "photos" / "images").glob("*.jpg"))[:5]
    for device in ("cpu", "cuda"):
        path = on(spec, device)
        store = tmp_path / f"{device}.zarr"
        precompute.run(load_spec(path), store)
        stores.append(open_store(store))
        students = inficond_panel.open_students(path, store=stores[0].path, history=":memory:")
        table = students.predict_images(photos).table
        decided.append(table[["student_logit", "teacher_logit"]].to_numpy(float))
    for name in ("concept_score", "teacher_logit"):
        expected, found = (np.asarray(getattr(store, name), np.float64) for store in stores)
        np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())
    np.testing.assert_allclose(decided[1], decided[0], atol=5e-3)


@pytest.mark.parametrize("students", ["exact", "softmax", "paper"])
def test_students_are_the_same_within_their_certificate(tmp_path, students):
    joint = students == "softmax"
    spec = joint_spec(tmp_path)
    if not joint:
        inficond_panel.from_frames(**frames(400), path=tmp_path / "two.zarr")
        settings = {"exact": "lambda: 0.001", "paper": "solver: paper, lr: 0.01, lambda: 0.001"}
        spec = tmp_path / "two.yaml"
        spec.write_text(f"title: T\nstore: two.zarr\nstudents: {{{settings[students]}}}\n")
    fits = []
    for device in ("cpu", "cuda"):
        fitted = inficond_panel.open_students(on(spec, device), history=":memory:").fit()
        assert fitted.tuner.spec.device == device
        data = fitted.tuner.fit_data
        assert isinstance(data.images.gathered.source.values, np.ndarray) == (device == "cpu")
        fits.append((fitted.node.weights, fitted.predict_proba("tune")))
    for expected, found in zip(*fits, strict=True):
        np.testing.assert_allclose(found, expected, atol=0.02 if students == "paper" else 1e-3)
