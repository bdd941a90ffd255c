"""Fine-tuning of a trunk: what it learns, when it ends, and that a stopped run goes on."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("timm")

import timm
import torch
from PIL import Image

from precompute.teachers import trunk_tuning
from precompute.teachers.trunk import TrunkName, load_trunk
from precompute.teachers.trunk_tuning import PATIENCE, ScoredPhotos, Start, tuned_trunk

pytestmark = [pytest.mark.torch]

SIDE, CONCEPTS = 32, 2


@pytest.fixture(scope="module")
def trunk(tmp_path_factory):
    torch.manual_seed(1)
    file = tmp_path_factory.mktemp("trunk") / "trunk.pt"
    torch.save(timm.create_model("test_resnet", num_classes=5).state_dict(), file)
    return load_trunk(TrunkName("timm", "test_resnet", file, SIDE), None)


@pytest.fixture(scope="module")
def photos():
    """Photos of one colour each; scores are their red and their green."""
    colours = np.random.default_rng(0).integers(0, 256, (48, 3))
    images = [Image.new("RGB", (40, 30), tuple(map(int, each))) for each in colours]
    dataset = SimpleNamespace(load=images.__getitem__)
    scores = colours[:, :CONCEPTS] / 255
    return (
        dataset,
        ScoredPhotos(np.arange(32), scores[:32]),
        ScoredPhotos(np.arange(32, 48), scores[32:]),
    )


@pytest.fixture(scope="module")
def start(trunk, photos):
    """A layer that is not fitted, from roots of the features; the student uses both scores."""
    scores = photos[1].scores
    weight = np.random.default_rng(3).normal(0, 0.01, (trunk.outputs, CONCEPTS))
    return Start(trunk, weight, scores.mean(axis=0), np.array([[2.0], [-1.0]]), roots=True)


def tuned(start, photos, epochs, folder=None, seed=0):
    return tuned_trunk(start, *photos, epochs, seed, folder)


def same(one, other):
    states = one.trunk.module.state_dict(), other.trunk.module.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_error_is_that_of_standardised_scores_and_logits(start, photos):
    dataset, learned, measured = photos
    prepare = start.trunk.preprocessing.prepare
    pixels = np.stack([prepare(dataset.load(i)) for i in measured.positions])
    roots = np.sqrt(np.maximum(start.trunk.features(pixels), 1e-4))
    error = roots @ start.slopes + start.levels - measured.scores
    logits = learned.scores @ start.weights
    expected = np.mean((error / learned.scores.std(axis=0)) ** 2)
    expected += np.mean((error @ start.weights / logits.std(axis=0)) ** 2)
    assert tuned(start, photos, 0).errors == pytest.approx((expected,), rel=1e-4)


def test_it_learns_the_scores(monkeypatch, start, photos):
    monkeypatch.setattr(trunk_tuning, "RATE", 3e-3)
    errors = tuned(start, photos, 8).errors
    assert min(errors) < errors[0] / 2


def test_the_weights_of_the_best_epoch_are_taken(monkeypatch, start, photos, tmp_path):
    monkeypatch.setattr(trunk_tuning, "RATE", 3e-3)
    whole = tuned(start, photos, 4, tmp_path)
    assert same(whole, tuned(start, photos, whole.epoch))


def test_a_stopped_run_goes_on_with_the_same_result(start, photos, tmp_path):
    tuned(start, photos, 1, tmp_path)
    resumed = tuned(start, photos, 2, tmp_path)
    whole = tuned(start, photos, 2)
    assert resumed.errors == whole.errors
    assert same(resumed, whole)


def test_a_finished_epoch_is_not_run_again(monkeypatch, start, photos, tmp_path):
    first = tuned(start, photos, 1, tmp_path)
    monkeypatch.setattr(trunk_tuning._Training, "epoch", None)
    assert tuned(start, photos, 1, tmp_path).errors == first.errors


def test_a_damaged_file_is_begun_anew(start, photos, tmp_path):
    first = tuned(start, photos, 1, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"no weights")
    assert tuned(start, photos, 1, tmp_path).errors == first.errors


def test_the_seed_draws_other_parts_of_photos(start, photos):
    assert tuned(start, photos, 1).errors[1] != tuned(start, photos, 1, seed=1).errors[1]


def test_it_ends_where_nothing_becomes_better(monkeypatch, start, photos):
    monkeypatch.setattr(trunk_tuning, "RATE", 0.0)
    found = tuned(start, photos, 20)
    assert (len(found.errors) - 1, found.epoch) == (PATIENCE, 0)


def test_the_given_trunk_stays_as_it_is(start, photos):
    before = {name: each.clone() for name, each in start.trunk.module.state_dict().items()}
    tuned(start, photos, 1)
    after = start.trunk.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_another_trunk_has_another_digest(start, photos):
    found = tuned(start, photos, 1)
    assert found.trunk.digest != start.trunk.digest
