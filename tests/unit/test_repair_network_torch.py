"""Networks of timm, torchvision and transformers repaired by thumbs, and the ten lines of torch."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("timm")

import torch
from factory import small_arrays
from network_factory import CLASSES, network_spec, photos_of, pixels_of
from safetensors.torch import load_file, save_file
from torch import nn

from inficond_panel import TunableStudents
from inficond_panel.errors import DataError
from inficond_panel.export.network.folder import write_network
from inficond_panel.export.network.repair import repair_network
from inficond_panel.tuning import open_tuner
from inficond_panel.vocabulary.worlds import INDEPENDENT
from precompute.teachers.torch_layer import WEIGHTS

pytestmark = [pytest.mark.torch, pytest.mark.commands]

NAME, K, SIDE = "bicycle", len(CLASSES), 32
STEPS = f"preprocessing: {{size: [{SIDE}, {SIDE}], mean: [0, 0, 0], std: [1, 1, 1], crop: 0, "
STEPS += "interpolation: bilinear}"
FORMS = {
    "timm": ("timm", "test_resnet", "mine.pt"),
    "timm, safetensors": ("timm", "test_resnet", "mine.safetensors"),
    "timm, of a trainer": ("timm", "test_resnet", "trainer.pt"),
    "torchvision": ("torchvision", "shufflenet_v2_x0_5", "mine.pt"),
}


def logits_of(model):
    """Logits of the photos of the small store, of a model in torch."""
    from PIL import Image

    shown = photos_of(small_arrays(classes=K))
    sized = [np.asarray(Image.fromarray(each).resize((SIDE, SIDE), 2)) for each in shown]
    with torch.inference_mode():
        return model.eval()(torch.from_numpy(pixels_of(np.stack(sized)))).numpy()


def made(kind, name):
    torch.manual_seed(1)
    if kind == "timm":
        import timm

        model = timm.create_model(name, num_classes=K)
    else:
        from torchvision import models

        model = models.get_model(name, weights=None, num_classes=K)
    return model.eval()


def saved(model, file):
    state = model.state_dict()
    if file.suffix == ".safetensors":
        save_file({key: value.clone() for key, value in state.items()}, file)
    elif file.stem == "trainer":
        wrapped = {f"module.{key}": value for key, value in state.items()}
        torch.save({"state_dict": wrapped, "epoch": 3}, file)
    else:
        torch.save(state, file)


def tuned(spec):
    students = TunableStudents(open_tuner(spec, history=":memory:"))
    return students.up(NAME, "wheel").remove(NAME, "leaf")


def repaired(folder, kind, name, file):
    model = made(kind, name)
    saved(model, folder / file)
    teacher = f"teacher: {{kind: {kind}, model: {name}, pretrained: {file}, {STEPS}}}"
    students = tuned(network_spec(folder, teacher=teacher, logits=logits_of(model)))
    repair = repair_network(students.tuner, students.node)
    return model, repair, write_network(repair, folder / "out", INDEPENDENT.key)[WEIGHTS]


@pytest.fixture(scope="module", params=FORMS)
def found(request, tmp_path_factory):
    return repaired(tmp_path_factory.mktemp("torch"), *FORMS[request.param])


def test_other_tensors_are_equal_bit_for_bit(found):
    model, _, file = found
    state, new = model.state_dict(), load_file(file)
    new = {name.removeprefix("module."): value for name, value in new.items()}
    assert state.keys() == new.keys()
    differ = [name for name in state if not torch.equal(state[name], new[name])]
    assert [name.rpartition(".")[2] for name in differ] == ["weight", "bias"]


def test_the_loaded_file_gives_the_new_outputs(found):
    model, repair, file = found
    model.load_state_dict(load_file(file))
    rows = repair.network.rows
    expected = repair.network.features @ repair.weights.weight.T + repair.weights.bias
    np.testing.assert_allclose(logits_of(model)[rows], expected, rtol=1e-3, atol=1e-3)


def test_a_network_that_ends_otherwise_is_refused_with_its_layers(tmp_path):
    """The classifier of SqueezeNet is a convolution."""
    from torchvision import models

    model = models.get_model("squeezenet1_1", weights=None, num_classes=K)
    saved(model, tmp_path / "mine.pt")
    teacher = f"teacher: {{kind: torchvision, model: squeezenet1_1, pretrained: mine.pt, {STEPS}}}"
    logits = np.random.default_rng(0).normal(size=(200, K))
    students = tuned(network_spec(tmp_path, teacher=teacher, logits=logits))
    with pytest.raises(DataError, match="it has no linear layer"):
        repair_network(students.tuner, students.node)


def test_a_model_of_transformers_is_written_as_a_folder(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(2)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
             "intermediate_size": 16, "image_size": SIDE, "patch_size": 16}  # fmt: skip
    config = transformers.ViTConfig(
        **sizes, id2label=dict(enumerate(CLASSES)), problem_type="multi_label_classification"
    )
    model = transformers.ViTForImageClassification(config).eval()
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    steps = {"size": {"height": SIDE, "width": SIDE}, "resample": 2, "do_normalize": False}
    transformers.ViTImageProcessor(**steps).save_pretrained(folder)
    logits = logits_of(_Logits(model))
    teacher = "teacher: {kind: transformers, model: model}"
    students = tuned(network_spec(tmp_path, teacher=teacher, logits=logits))
    repair = repair_network(students.tuner, students.node)
    write_network(repair, tmp_path / "out", INDEPENDENT.key)
    new = transformers.ViTForImageClassification.from_pretrained(tmp_path / "out")
    expected = repair.network.features @ repair.weights.weight.T + repair.weights.bias
    found = logits_of(_Logits(new))[repair.network.rows]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


class _Logits(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixels):
        return self.model(pixel_values=pixels).logits


def test_the_ten_lines_of_the_docs_bring_a_network_nearer_to_the_targets(tmp_path, monkeypatch):
    """The code of docs/network.md on a real small network: its loss to the targets falls."""
    page = (Path(__file__).parents[2] / "docs" / "network.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    network = made("timm", "test_resnet")
    students = tuned(network_spec(tmp_path, logits=logits_of(network)))
    students.targets().to_csv("targets.csv")
    arrays = small_arrays(classes=K)
    place = {name: i for i, name in enumerate(arrays["image"].tolist())}
    photos = torch.from_numpy(pixels_of(photos_of(arrays)))
    wanted = students.targets()["adjusted"].unstack()[list(CLASSES)]
    at = [place[name] for name in wanted.index]

    def loss():
        with torch.inference_mode():
            given = torch.from_numpy(wanted.to_numpy().copy()).float()
            return float(nn.functional.binary_cross_entropy_with_logits(network(photos[at]), given))

    before = loss()
    names = {"CLASSES": list(CLASSES), "network": network, "photo_of": lambda n: photos[place[n]]}
    exec(compile(code.replace("range(3)", "range(30)"), "docs/network.md", "exec"), names)
    assert loss() < before
