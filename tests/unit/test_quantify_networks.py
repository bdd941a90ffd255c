"""Networks, their layers and checkpoints, and what is told where they cannot be measured."""

import re
from collections import OrderedDict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from inficond_panel.errors import DataError
from inficond_panel.quantify import training
from inficond_panel.quantify.experiment import follow, weight_distances
from inficond_panel.quantify.information import Perturbation, pixel_information
from inficond_panel.quantify.knowledge_points import feature_at
from inficond_panel.quantify.training import checkpoint_files, load_weights, save_weights

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


PAGE = Path(__file__).parents[2] / "docs" / "quantify.md"
QUICK = Perturbation(tolerance=1.0, draws=8, rounds=1)


def network(seed=0, width=4):
    torch.manual_seed(seed)
    features = OrderedDict(
        conv1=torch.nn.Conv2d(3, width, 3, padding=1), relu=torch.nn.ReLU(),
        conv2=torch.nn.Conv2d(width, width, 3, padding=1),
    )  # fmt: skip
    upper = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    return torch.nn.Sequential(
        OrderedDict(features=torch.nn.Sequential(features), upper=upper)
    ).eval()


def images(count=2):
    return torch.randn(count, 3, 6, 8, generator=torch.Generator().manual_seed(0))


def test_the_feature_is_the_output_of_its_layer_alone_and_one_not_reached_is_told():
    net, x = network(), images()
    assert torch.equal(feature_at(net, "features.conv1")(x), net.features.conv1(x))
    assert torch.equal(feature_at(net, "features")(x), net.features(x))
    assert torch.equal(feature_at(net)(x), net(x))
    assert not net.features.conv1._forward_hooks
    net.upper = torch.nn.Linear(7, 1)  # would fail on what comes
    assert feature_at(net, "features")(x).shape == (2, 4, 6, 8)
    net = network()
    net.forward = net.features.forward
    with pytest.raises(DataError, match="does not run the layer 'upper'"):
        feature_at(net, "upper")(images())


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (lambda x: x.detach() * 2, "gives no gradient"),
        (lambda x: (x * 1e3).round(), "gradient is 0 everywhere"),
        (lambda x: x / 0, "not finite"),
        (lambda x: (x * 0).sqrt() + x, "not finite"),
        (lambda x: torch.zeros_like(x) * x, "does not change under noise"),
        (lambda x: (x, x), "returns a tuple"),
    ],
)
def test_features_that_cannot_be_measured_are_told(feature, message):
    with pytest.raises(DataError, match=message):
        pixel_information(feature_at(feature), images(), QUICK)


def test_the_same_seed_gives_the_same_numbers_whatever_the_batch():
    net, x = network(), images(5)
    feature = feature_at(net, "features")
    ways = ({"batch": 5}, {"batch": 5}, {"batch": 2}, {"batch": 5, "seed": 1})
    first, again, small, other = (
        pixel_information(feature, x, Perturbation(draws=16, rounds=2, **way)).entropy
        for way in ways
    )
    assert np.array_equal(first, again)
    assert small == pytest.approx(first, abs=1e-3)
    assert np.abs(other - first).max() > 0.01


def test_a_measurement_has_one_thread_gives_the_others_back_and_can_be_stopped():
    seen, feature = set(), feature_at(network(), "features")

    def watched(x):
        seen.add(torch.get_num_threads())
        return feature(x)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        pixel_information(watched, images(), QUICK)
        assert (seen, torch.get_num_threads()) == ({1}, 2)
    finally:
        torch.set_num_threads(before)
    done, small = [], Perturbation(batch=2, draws=4, rounds=1)
    pixel_information(feature, images(4), small, progress=done.append)
    assert done == [2, 4]


def test_checkpoints_are_ordered_by_number_and_weights_of_another_network_refused(tmp_path):
    for name in ("epoch-10.pt", "epoch-2.safetensors", "epoch-0.pth", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.stem for path in checkpoint_files(tmp_path)] == ["epoch-0", "epoch-2", "epoch-10"]
    (tmp_path / "last.pt").write_bytes(b"")
    with pytest.raises(DataError, match=r"last\.pt has no number"):
        checkpoint_files(tmp_path)
    (tmp_path / "last.pt").rename(tmp_path / "run-2.pt")
    with pytest.raises(DataError, match="two names have the same last number"):
        checkpoint_files(tmp_path)
    save_weights(network(seed=3), tmp_path / "a.safetensors")
    net = network(seed=4)
    load_weights(net, tmp_path / "a.safetensors")
    assert torch.equal(net.features.conv2.weight, network(seed=3).features.conv2.weight)
    with pytest.raises(DataError, match="does not fit"):
        load_weights(network(width=5), tmp_path / "a.safetensors")


def test_weight_distances_are_of_what_the_layer_depends_on_and_checkpoints_are_followed(tmp_path):
    net, folder = network(), tmp_path
    for epoch in range(4):
        save_weights(network(seed=epoch), folder / f"epoch-{epoch:03d}.safetensors")
    feature = feature_at(net, "features.conv1")
    names = ["features.conv1.weight", "features.conv1.bias"]
    assert training.parameters_at(net, feature, images(1)) == names
    found = weight_distances(net, folder, "features.conv1", images(1))
    layers = (network(i).features.conv1 for i in range(4))
    flat = [torch.nn.utils.parameters_to_vector(layer.parameters()) for layer in layers]
    steps = [float((after - before).detach().norm()) for before, after in pairwise(flat)]
    assert found == pytest.approx(np.cumsum([0, *steps]) / float(flat[0].detach().norm()))
    x, mask = images(3), np.zeros((3, 6, 8), bool)
    mask[:, 2:4] = True
    travelled = weight_distances(network(), folder, "features", x[:1])
    files = checkpoint_files(folder)
    followed, found = follow(network(9), files[1:], travelled[1:], "features", x, mask, QUICK)
    assert followed.contrast.shape == (3, 3, 6, 8)
    alone = pixel_information(feature_at(network(3), "features"), x, QUICK)
    assert np.array_equal(found[-1].entropy, alone.entropy)
    with pytest.raises(DataError, match="masks have shape"):
        follow(network(), files, travelled, "features", x, mask[:2], QUICK)


def test_the_example_measures_a_network(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, str(PAGE), "exec"), names)
    assert names["points"].shape == (4, 24, 32)
    assert names["found"].converged.all()
    assert capsys.readouterr().out.startswith("[ True  True  True  True]")
