"""inficond init chooses the activation of a teacher's table by the labels, and says so."""

import numpy as np
import pytest
from precompute_factory import write_table
from scipy.special import logit
from test_init import home, init, photos  # noqa: F401

from precompute.datasets import Dataset
from precompute.detect.chosen import ChosenModel
from precompute.detect.writing import task_keys

pytestmark = pytest.mark.commands

CLASSES = tuple("abcdefghij")


def of_table(tmp_path, values, label, split="fit"):
    """What init writes for a table of logits and labels."""
    ids = tuple(map(str, range(len(label))))
    np.savez(tmp_path / "z.npz", image_id=np.array(ids), class_name=np.array(CLASSES), logit=values)
    dataset = Dataset(
        ids, (split,) * len(ids), CLASSES, label.astype(np.int8), load=None, digest=str
    )
    teacher = ChosenModel({"kind": "logits"}, "", table=tmp_path / "z.npz")
    return task_keys(dataset, teacher)


@pytest.fixture(scope="module")
def drawn():
    """Right probabilities of ten classes, and labels drawn by them."""
    rng = np.random.default_rng(0)
    chances = np.clip(rng.dirichlet([1.0] * 10, 20_000), 1e-6, None)
    chances /= chances.sum(axis=1, keepdims=True)
    return chances, np.array([rng.multinomial(1, row) for row in chances])


def test_logits_of_a_softmax_get_a_softmax(tmp_path, drawn):
    chances, label = drawn
    assert of_table(tmp_path, np.log(chances), label).teacher["activation"] == "softmax"


def test_right_log_odds_get_a_sigmoid(tmp_path, drawn):
    chances, label = drawn
    assert of_table(tmp_path, logit(chances), label).teacher["activation"] == "sigmoid"


def test_labels_of_other_splits_choose_nothing(tmp_path, drawn):
    chances, label = drawn
    keys = of_table(tmp_path, logit(chances), label, "tune")
    assert keys.teacher["activation"] == "softmax"


@pytest.fixture
def written(home, capsys):  # noqa: F811
    """The spec of photos with one class each and a table of logits, and what init said."""
    ids = [f"{i:03d}" for i in range(80)]
    photos(home / "data", [f"pictures/{name}.jpg" for name in ids])
    label = np.eye(2, dtype=int)[np.arange(80) % 2]
    write_table(home / "data" / "labels.csv", ids, label, ["cat", "dog"])
    values = np.round(4 * label - 2 + np.random.default_rng(0).normal(size=label.shape), 3)
    write_table(home / "data" / "logits.csv", ids, values, ["cat", "dog"])
    spec, out = init(capsys, "data")
    return spec.path.read_text(), out


def test_the_spec_says_that_the_activation_is_assumed(written):
    assert "activation: softmax # assumed; sigmoid if it was trained for each class" in written[0]


def test_the_summary_says_what_the_labels_speak_for(written):
    assert "the teacher's activation is a softmax, as each image has one class: " in written[1]
    assert "mean AP on fit " in written[1]
