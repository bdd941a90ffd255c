"""TorchScript networks repaired by thumbs: traced, scripted, frozen; and those that are refused."""

import zipfile

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from factory import small_arrays
from network_factory import CLASSES, STEPS, network_spec, photos_of, pixels_of
from torch import nn

from inficond_panel import TunableStudents
from inficond_panel.errors import DataError
from inficond_panel.export.network.folder import write_network
from inficond_panel.export.network.repair import repair_network
from inficond_panel.tuning import open_tuner
from inficond_panel.vocabulary.worlds import INDEPENDENT

pytestmark = [pytest.mark.torch, pytest.mark.commands]

NAME, K = "bicycle", len(CLASSES)


class Network(nn.Module):
    """A convolution, a mean, and the layer ``fc``, then ``end``."""

    def __init__(self, end=None):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.fc = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Linear(6, K)
        self.end = end or nn.Identity()

    def forward(self, x):
        return self.end(self.fc(self.norm(self.conv(x)).relu().mean((2, 3))))


class Twice(Network):
    """The layer runs twice."""

    def forward(self, x):
        f = self.norm(self.conv(x)).relu().mean((2, 3))
        return self.fc(f + self.fc(f).mean(1, keepdim=True))


def pixels():
    return torch.from_numpy(pixels_of(photos_of(small_arrays(classes=K))))


FORMS = {
    "traced": lambda network: torch.jit.trace(network, pixels()[:1]),
    "scripted": torch.jit.script,
    "frozen": lambda network: torch.jit.freeze(torch.jit.script(network)),
}


def repaired(folder, network, form="traced", more=""):
    with torch.inference_mode():
        logits = network.eval()(pixels())
    FORMS[form](network).save(folder / "network.ts")
    if more:
        logits = torch.logit(logits)
    teacher = f"teacher: {{kind: torchscript, path: network.ts, {more}{STEPS}}}"
    spec = network_spec(folder, teacher=teacher, logits=logits.numpy())
    students = TunableStudents(open_tuner(spec, history=":memory:"))
    students = students.up(NAME, "wheel").remove(NAME, "leaf")
    return repair_network(students.tuner, students.node)


@pytest.fixture(scope="module", params=FORMS)
def found(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("script")
    repair = repaired(folder, Network(), request.param)
    return folder, repair, write_network(repair, folder / "out", INDEPENDENT.key)["network.ts"]


def outputs(file):
    with torch.inference_mode():
        return torch.jit.load(file)(pixels())


def entries(file):
    with zipfile.ZipFile(file) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def test_the_loaded_file_gives_the_new_outputs(found):
    _, repair, file = found
    expected = repair.network.features @ repair.weights.weight.T + repair.weights.bias
    new = outputs(file).numpy()[repair.network.rows]
    np.testing.assert_allclose(new, expected, rtol=1e-4, atol=1e-5)


def test_outputs_of_other_classes_are_equal(found):
    folder, _, file = found
    assert torch.equal(outputs(file)[:, 1:], outputs(folder / "network.ts")[:, 1:])


def test_outputs_of_the_tuned_class_change(found):
    folder, _, file = found
    assert not torch.equal(outputs(file)[:, 0], outputs(folder / "network.ts")[:, 0])


def test_two_entries_of_the_archive_change(found):
    folder, _, file = found
    old, new = entries(folder / "network.ts"), entries(file)
    assert sorted(len(new[name]) for name in old if old[name] != new[name]) == [4 * K, 24 * K]


def test_the_archive_keeps_its_entries(found):
    folder, _, file = found
    assert entries(folder / "network.ts").keys() == entries(file).keys()


def test_a_network_that_ends_with_a_sigmoid_is_repaired(tmp_path):
    repair = repaired(tmp_path, Network(nn.Sigmoid()), more="outputs: probabilities, ")
    file = write_network(repair, tmp_path / "out", INDEPENDENT.key)["network.ts"]
    expected = repair.network.features @ repair.weights.weight.T + repair.weights.bias
    new = torch.logit(outputs(file)).numpy()[repair.network.rows]
    np.testing.assert_allclose(new, expected, rtol=1e-3, atol=1e-4)


REFUSED = {
    "a convolution": lambda: nn.Sequential(
        nn.Conv2d(3, K, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ),
    "something after the layer": lambda: Network(nn.Tanh()),
    "a layer that runs twice": Twice,
    "a layer without a bias": lambda: nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, K, bias=False)
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_network_without_such_a_layer_is_refused(tmp_path, kind):
    with pytest.raises(DataError, match="does not end with a linear layer"):
        repaired(tmp_path, REFUSED[kind]())


def test_weights_that_are_twice_in_the_file_are_refused(tmp_path):
    network = Network()
    network.register_buffer("old", network.fc.weight.detach().clone())
    repair = repaired(tmp_path, network, "scripted")
    with pytest.raises(DataError, match="the weights of its last layer 2 times"):
        write_network(repair, tmp_path / "out", INDEPENDENT.key)


def test_nothing_is_written_where_weights_are_twice_in_the_file(tmp_path):
    network = Network()
    network.register_buffer("old", network.fc.weight.detach().clone())
    repair = repaired(tmp_path, network, "scripted")
    with pytest.raises(DataError):
        write_network(repair, tmp_path / "out", INDEPENDENT.key)
    assert not (tmp_path / "out").exists()
