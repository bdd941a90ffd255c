"""The encoder's device: chosen, told, and refused where it cannot be."""

import numpy as np
import pytest
from precompute_factory import CONV, photo_set, tiny_encoder

import precompute
from inficond_panel.cli import main
from inficond_panel.common.devices import device_text, onnx_providers, torch_device
from inficond_panel.distill import fit_paper
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.spec.sections.students import PaperStudents
from inficond_panel.tuning.fitting.recipe import distillation

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


@pytest.mark.parametrize(
    ("cards", "mps", "asked", "found"),
    [
        (0, False, "auto", "cpu"),
        (0, True, "auto", "mps"),
        (2, True, "auto", "cuda:0"),
        (2, False, "cuda", "cuda:0"),
        (2, False, "cuda:1", "cuda:1"),
        (2, False, "cpu", "cpu"),
        (0, True, "mps", "mps"),
    ],
)
def test_a_device_is_chosen_of_those_there_are(machine, cards, mps, asked, found):
    machine(cards, mps)
    assert torch_device(asked) == found


@pytest.mark.parametrize(
    ("cards", "asked", "text"),
    [
        (1, "cpu", "cpu; cuda:0 is also available: --device cuda:0"),
        (1, "auto", "cuda:0 (Fake 9000)"),
        (0, "auto", "cpu"),
    ],
)
def test_a_device_is_told_with_others(machine, cards, asked, text):
    machine(cards)
    assert device_text(asked) == text


@pytest.mark.parametrize(
    ("asked", "installed", "providers"),
    [
        ("cpu", [CUDA, CPU], [CPU]),
        ("cuda:1", [CUDA, CPU], [(CUDA, {"device_id": "1"})]),
        ("auto", [CUDA, CPU], [(CUDA, {"device_id": "0"})]),
        ("auto", [CPU], [CPU]),
        ("mps", [COREML, CPU], [COREML]),
    ],
)
def test_providers_of_onnx_are_those_of_the_device(machine, asked, installed, providers):
    machine(0)
    assert onnx_providers(asked, installed) == providers


def test_a_provider_that_is_not_installed_is_told():
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
