"""A torch module of the caller repaired by thumbs, and modules that are refused."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from factory import small_arrays
from network_factory import CLASSES, STEPS, network_spec, photos_of, pixels_of
from torch import nn

from inficond_panel import TunableStudents
from inficond_panel.errors import DataError
from inficond_panel.export.network.repair import repair_network
from inficond_panel.tuning import open_tuner
from inficond_panel.vocabulary.worlds import INDEPENDENT

pytestmark = [pytest.mark.torch, pytest.mark.commands]

NAME, K = "bicycle", len(CLASSES)
TABLE = "teacher: {kind: logits, path: logits.csv}"


class Network(nn.Module):
    """A convolution, a mean, a hidden layer, and the layer ``fc``; ``spare`` never runs."""

    def __init__(self, outputs=K):
        super().__init__()
        torch.manual_seed(0)
        self.fc = nn.Linear(8, outputs)
        self.conv, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)
        self.hidden, self.spare = nn.Linear(6, 8), nn.Linear(8, outputs)

    def forward(self, x):
        return 4 * self.fc(self.features(x)) if self.training else self.fc(self.features(x))

    def features(self, x):
        return self.hidden(self.norm(self.conv(x)).relu().mean((2, 3))).relu()


def prepare(photo):
    return torch.from_numpy(np.asarray(photo).copy()).permute(2, 0, 1).float() / 255


def pixels():
    return torch.from_numpy(pixels_of(photos_of(small_arrays(classes=K))))


def students_of(folder, network):
    with torch.inference_mode():
        logits = network.eval()(pixels()).numpy()
    (folder / "logits.csv").write_text(f"image_id,{','.join(CLASSES)}\n")
    spec = network_spec(folder, teacher=TABLE, logits=logits)
    students = TunableStudents(open_tuner(spec, history=":memory:"))
    return students.up(NAME, "wheel").remove(NAME, "leaf")


@pytest.fixture(scope="module")
def repaired(tmp_path_factory):
    network = Network()
    students = students_of(tmp_path_factory.mktemp("module"), network)
    network.train()
    new, figures = students.repair_network(network, prepare=prepare)
    return network, new, figures, students


def test_all_other_tensors_are_equal_bit_for_bit(repaired):
    network, new, *_ = repaired
    old, state = network.state_dict(), new.state_dict()
    differ = [name for name in old if not torch.equal(old[name], state[name])]
    assert differ == ["fc.weight", "fc.bias"]


def test_rows_of_other_classes_are_equal_bit_for_bit(repaired):
    network, new, *_ = repaired
    assert torch.equal(network.fc.weight[1:], new.fc.weight[1:])


def test_the_callers_network_is_not_changed(repaired):
    assert torch.equal(repaired[0].fc.weight, Network().fc.weight)


def test_the_copy_is_in_the_mode_of_the_callers_network(repaired):
    assert repaired[1].training


def test_the_copy_can_be_trained(repaired):
    assert all(parameter.requires_grad for parameter in repaired[1].parameters())


def test_the_new_row_is_that_of_the_same_network_in_a_file(repaired, tmp_path):
    network, new, _, students = repaired
    torch.jit.trace(network.eval(), pixels()[:1]).save(tmp_path / "network.ts")
    network.train()
    logits = students.tuner.store.teacher_logit[:]
    teacher = f"teacher: {{kind: torchscript, path: network.ts, {STEPS}}}"
    other = TunableStudents(
        open_tuner(network_spec(tmp_path, teacher=teacher, logits=logits), history=":memory:")
    )
    other = other.up(NAME, "wheel").remove(NAME, "leaf")
    expected = repair_network(other.tuner, other.node).weights.weight[0]
    np.testing.assert_allclose(new.fc.weight[0].detach().numpy(), expected, atol=1e-4)


def test_the_figures_have_both_worlds(repaired):
    figures = repaired[2]
    assert {*figures.index.get_level_values("world")} == {"these", INDEPENDENT.key}


def test_a_layer_can_be_named(repaired):
    network, new, _, students = repaired
    again, _ = students.repair_network(network, prepare=prepare, layer="fc")
    assert torch.equal(again.fc.weight, new.fc.weight)


class Doubled(Network):
    def forward(self, x):
        return 2 * super().forward(x)


class Tied(Network):
    def __init__(self):
        super().__init__()
        self.spare.weight = self.fc.weight


class Dict(Network):
    def forward(self, x):
        return {"logits": super().forward(x)}


def weight_normed():
    network = Network()
    nn.utils.parametrizations.weight_norm(network.fc)
    return network


REFUSED = {
    "something after the layer": (Doubled, {}, "something else follows"),
    "shared weights": (Tied, {}, "shares its weights"),
    "no tensor": (Dict, {}, "returns a dict"),
    "computed weights": (weight_normed, {}, "shares its weights"),
    "another number of outputs": (lambda: Network(7), {}, r"\(200|expected 4 outputs"),
    "another layer": (Network, {"layer": "hidden"}, "does not end with a linear layer"),
    "no such layer": (Network, {"layer": "head"}, "linear layers are"),
    "no module": (lambda: prepare, {}, "is a function, not a torch.nn.Module"),
    "no preprocessing": (Network, {"prepare": None}, "does not say how a photo"),
    "a batch": (Network, {"prepare": lambda p: prepare(p)[None]}, "returns numbers of shape"),
    "a failing function": (Network, {"prepare": lambda p: 1 / 0}, "prepare fails on a photo"),
    "another preprocessing": (Network, {"prepare": lambda p: prepare(p) * 9 - 4}, "differ from"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_repaired_is_refused_in_a_sentence(repaired, case):
    made, more, message = REFUSED[case]
    network = made()
    with pytest.raises(DataError, match=message):
        repaired[3].repair_network(network, **{"prepare": prepare, **more})
