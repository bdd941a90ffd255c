"""The encoder's device and precision: chosen, told, and refused where they cannot be."""

from unittest.mock import Mock

import numpy as np
import pytest
from precompute_factory import CONV, VIT, photo_set, tiny_encoder

import precompute
from inficond_panel.cli import main
from inficond_panel.common.devices import device_text, onnx_providers, torch_device
from inficond_panel.distill import fit_paper
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.spec.sections.encoder import OpenClipEncoder
from inficond_panel.spec.sections.students import PaperStudents
from inficond_panel.store import open_store
from inficond_panel.tuning.fitting.recipe import distillation
from precompute.encoder import encoder_inputs, image, load_encoder

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.commands]
CUDA, COREML, CPU = (f"{name}ExecutionProvider" for name in ("CUDA", "CoreML", "CPU"))


@pytest.fixture
def machine(monkeypatch):
    """Let torch say that it has so many cards, and Apple's or not."""

    def has(cards, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Fake 9000")
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return has


def test_a_device_is_chosen_of_those_there_are_and_told_with_others_and_providers_too(machine):
    for cards, mps, asked, found in (
        (0, False, "auto", "cpu"),
        (0, True, "auto", "mps"),
        (2, True, "auto", "cuda:0"),
        (2, False, "cuda", "cuda:0"),
        (2, False, "cuda:1", "cuda:1"),
        (2, False, "cpu", "cpu"),
        (0, True, "mps", "mps"),
    ):
        machine(cards, mps)
        assert torch_device(asked) == found
    machine(1)
    assert device_text("cpu") == "cpu; cuda:0 is also available: --device cuda:0"
    assert device_text("auto") == "cuda:0 (Fake 9000)"
    machine(0)
    assert device_text("auto") == "cpu"
    assert onnx_providers("cpu", [CUDA, CPU]) == [CPU]
    assert onnx_providers("cuda:1", [CUDA, CPU]) == [(CUDA, {"device_id": "1"})]
    assert onnx_providers("auto", [CUDA, CPU]) == [(CUDA, {"device_id": "0"})]
    assert onnx_providers("auto", [CPU]) == [CPU]
    assert onnx_providers("mps", [COREML, CPU]) == [COREML]
    with pytest.raises(DataError, match=f"cuda needs onnxruntime's {CUDA}; installed are: {CPU}"):
        onnx_providers("cuda", [CPU])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    photo_set(folder)
    tiny_encoder(folder / "encoder", CONV)
    return folder


def test_spec_and_flag_name_it_and_the_papers_recipe_goes_there(home, machine, capsys, monkeypatch):
    machine(0)
    path = home / "device.yaml"
    path.write_text((home / "spec.yaml").read_text() + "device: cuda:1\n")
    spec = load_spec(path)
    assert (spec.device, load_spec(home / "spec.yaml").device) == ("cuda:1", "cpu")
    with pytest.raises(DataError, match=r"cuda:1 is not available; torch has: cpu"):
        precompute.run(spec, home / "device.zarr")
    assert not (home / "device.zarr").exists()
    assert main(["precompute", str(path), "--device", "cpu"]) == 0
    assert "Device: cpu\n" in capsys.readouterr().err
    path.write_text(path.read_text().replace("cuda:1", "gpu"))
    assert main(["check", str(path)]) == 2
    told = "device.yaml:15:9: device: expected auto, cpu, cuda, cuda:N or mps, got 'gpu'"
    assert told in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["precompute", str(path), "--device", "gpu"])
    spec = load_spec(home / "spec.yaml")
    spec.device = "mps"
    spec.students = PaperStudents()
    recipe = distillation(spec, ["a"])
    assert (recipe.device, "device" in recipe.settings(["a"])) == ("mps", False)
    asked, place = [], "inficond_panel.distill.solver.paper_recipe.torch_device"
    monkeypatch.setattr(place, lambda device: asked.append(device) or "meta")
    rng = np.random.default_rng(0)
    with pytest.raises(NotImplementedError, match="meta"):  # of which nothing comes back
        fit_paper(rng.random((9, 4)), rng.random((9, 1)), epochs=1, batch=4, device="mps")
    assert asked == ["mps"]


def unit(values):
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def encoder_in(folder, name):
    return load_encoder(OpenClipEncoder(model=folder, precision=name))


def pixels_of(encoder, seed=0):
    return np.random.default_rng(seed).normal(size=(3, 3, *encoder.size)).astype(np.float32)


def with_precision(home, name):
    path = home / f"{name}.yaml"
    text = (home / "spec.yaml").read_text()
    path.write_text(text.replace("batch: 3", f"batch: 3, precision: {name}"))
    return path


@pytest.mark.parametrize(("name", "vision"), [("bfloat16", CONV), ("float16", VIT)])
def test_the_first_batch_is_compared_with_float32(tmp_path, monkeypatch, name, vision):
    monkeypatch.setattr(image, "FARTHEST", 1.0)
    tiny_encoder(tmp_path / "encoder", vision)
    exact, mixed = (encoder_in(tmp_path / "encoder", each) for each in ("float32", name))
    pixels = pixels_of(exact)
    with torch.inference_mode(), torch.autocast("cpu", getattr(torch, name)):
        expected = mixed._dense(torch.from_numpy(pixels)).float().numpy()
    found, true = mixed.dense(pixels), exact.dense(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(unit(found), unit(expected), atol=1e-3)
    distance = np.linalg.norm(unit(found) - unit(true), axis=-1).max()
    assert 0 < distance == pytest.approx(mixed.precision.distance, rel=1e-2)
    assert exact.precision.distance is None
    text = exact.embed_concepts(["dog"], ["a {}"])[0]
    assert np.abs((unit(found) - unit(true)) @ text).max() <= mixed.precision.distance + 1e-6
    mixed.dense(pixels_of(exact, seed=1))
    assert mixed.precision.distance == pytest.approx(distance, rel=1e-2)  # of the first batch


def test_a_precision_too_far_off_is_refused_another_told_and_kept(home, monkeypatch, capsys):
    monkeypatch.setattr(image, "FARTHEST", 1e-9)
    mixed = encoder_in(home / "encoder", "bfloat16")
    for _ in range(2):  # nothing is taken unchecked after a refusal
        with pytest.raises(DataError, match=r"In bfloat16 .* first 3 photos differ by up to"):
            mixed.dense(pixels_of(mixed))
    path = with_precision(home, "float16")
    assert main(["precompute", str(path), "--store", str(home / "own.zarr")]) == 1
    assert "Set concepts.encoder.precision: float32" in capsys.readouterr().err
    assert not (home / "own.zarr").exists()
    half = encoder_in(home / "encoder", "float16")
    dense = Mock(side_effect=RuntimeError("not implemented for 'Half'\nat line 7"))
    with pytest.raises(DataError, match="does not run in float16 on cpu: not implemented for 'Ha"):
        half.precision.run(dense, torch.zeros(1))
    monkeypatch.setattr(image, "FARTHEST", 1.0)
    plain, path = load_spec(home / "spec.yaml"), with_precision(home, "bfloat16")
    # stores of earlier versions stay up to date
    assert "precision" not in encoder_inputs(plain.concepts.encoder)
    assert encoder_inputs(load_spec(path).concepts.encoder)["precision"] == "bfloat16"
    precompute.run(plain, home / "plain.zarr")
    assert main(["precompute", str(path), "--store", str(home / "mixed.zarr")]) == 0
    assert "Precision bfloat16: unit vectors of cells of the first batch" in capsys.readouterr().err
    stores = [open_store(home / f"{name}.zarr") for name in ("plain", "mixed")]
    first, second = (store.concept_score for store in stores)
    assert 0 < np.abs(first - second).max() < 0.2
    assert "precision" not in stores[0].attrs["preprocessing"]
    assert "bfloat16" in str(stores[1].attrs["preprocessing"])
