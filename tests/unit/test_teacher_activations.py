"""Sigmoid and softmax teachers: probabilities, log-odds, other classes, and what is refused."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from teacher_factory import PLAIN, teacher_section

from inficond_panel.common.teacher_outputs import log_odds, softmax_of
from inficond_panel.distill import soft_targets
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import LogitsTeacher
from precompute.teachers.tables import left_out_text, read_logits

CLASSES = ["cat", "dog"]


def test_log_odds_are_those_of_the_softmax():
    rng = np.random.default_rng(0)
    logit, other = rng.normal(0, 4, (200, 5)), rng.normal(0, 4, (200, 3))
    p = softmax(np.hstack([logit, other]).astype(np.longdouble), axis=1)[:, :5]
    np.testing.assert_allclose(log_odds(logit, other), np.log(p) - np.log1p(-p), rtol=1e-9)
    np.testing.assert_allclose(softmax_of(logit, other), p, rtol=1e-12)


def test_log_odds_keep_their_digits_where_the_softmax_has_none_left():
    # of two classes the log-odds are the difference, whatever their size
    far = log_odds(np.array([[300.0, -400.0], [1e4, 0.0]]))
    np.testing.assert_allclose(far, [[700, -700], [1e4, -1e4]], rtol=1e-15)


def test_targets_of_rows_with_the_same_softmax_are_the_same():
    z = np.array([[2.0, 0.0, -1.0]])
    none = np.empty((1, 0))
    np.testing.assert_allclose(soft_targets(z + 7, 2.0, none), soft_targets(z, 2.0, none))
    np.testing.assert_allclose(soft_targets(z, 2.0, none), softmax(z / 2, axis=1))
    # a class that the data set lacks keeps its share
    np.testing.assert_allclose(soft_targets(z[:, :2], 2.0, z[:, 2:]), softmax(z / 2, axis=1)[:, :2])
    np.testing.assert_allclose(soft_targets(z, 2.0), expit(z / 2))


def table(folder, header, *rows):
    file = folder / "z.csv"
    file.write_text("\n".join([f"image_id,{header}", *rows]))
    return file


def section(file, **keys):
    return LogitsTeacher(path=file, **keys)


def test_other_classes_of_a_table_stay_in_the_softmax(tmp_path):
    file = table(tmp_path, "eel,dog,cat", "a,5,-1,2", "b,0,1,3")
    found = read_logits(section(file, activation="softmax"), ["b", "a"], CLASSES)
    assert found.own.tolist() == [[3, 1], [2, -1]]
    assert (found.other.tolist(), found.other_classes) == ([[0], [5]], ("eel",))
    alone = read_logits(section(file), ["b", "a"], CLASSES)
    assert alone.own.tolist() == [[3, 1], [2, -1]]
    assert (alone.other.shape, alone.left_out) == ((2, 0), ("eel",))
    (told,) = left_out_text(section(file), alone)
    assert told == "z.csv has classes that the data set lacks, left out: eel"
    assert left_out_text(section(file), found) == []
    with pytest.raises(DataError, match="no column for the class 'dogs'"):
        read_logits(section(file, activation="softmax"), ["a"], ["cat", "dogs"])


def test_probabilities_of_a_table(tmp_path):
    file = table(tmp_path, "cat,dog,eel", "a,0.7,0.2,0.1", "b,0,0.5,0.5")
    keys = {"outputs": "probabilities", "activation": "softmax"}
    found = read_logits(section(file, **keys), ["a", "b"], CLASSES)
    p = softmax(np.hstack([found.own, found.other]), axis=1)
    np.testing.assert_allclose(p, [[0.7, 0.2, 0.1], [0, 0.5, 0.5]], atol=1e-6)
    apart = table(tmp_path, "cat,dog", "a,0.7,0.2")
    with pytest.raises(DataError, match=r"add up to 0.9 for an image, in a softmax to 1: classes"):
        read_logits(section(apart, **keys), ["a"], CLASSES)
    sigmoids = table(tmp_path, "cat,dog", "a,0.9,0.8")
    with pytest.raises(DataError, match=r"add up to 1.7 .*: each class has its own sigmoid"):
        read_logits(section(sigmoids, **keys), ["a"], CLASSES)
    apart = table(tmp_path, "cat,dog", "a,0.7,0.2")
    found = read_logits(section(apart, outputs="probabilities"), ["a"], CLASSES)
    np.testing.assert_allclose(expit(found.own), [[0.7, 0.2]], rtol=1e-6)
    none = table(tmp_path, "cat,dog", "a,2,3")
    with pytest.raises(DataError, match="reach from 2 to 3: these are not probabilities"):
        read_logits(section(none, outputs="probabilities"), ["a"], CLASSES)


@pytest.mark.parametrize(
    ("row", "fault"), [("a,0.7,0.2", "look like probabilities"), ("a,0,1", "look like labels")]
)
def test_what_is_no_logits_is_refused_unless_outputs_are_said(tmp_path, row, fault):
    file = table(tmp_path, "cat,dog", row)
    with pytest.raises(DataError, match=fault) as told:
        read_logits(section(file), ["a"], CLASSES)
    assert "teacher.outputs: probabilities, or logits" in told.value.remedy
    values = [float(cell) for cell in row.split(",")[1:]]
    assert read_logits(section(file, outputs="logits"), ["a"], CLASSES).own.tolist() == [
        pytest.approx(values)
    ]


def test_a_network_with_a_softmax_keeps_its_other_classes(tmp_path):
    torch = pytest.importorskip("torch")
    from teacher_factory import drawn
    from test_teacher_stage import run

    width, height = PLAIN["size"]
    torch.manual_seed(0)
    layer = torch.nn.Linear(3 * width * height, 4)
    network = torch.nn.Sequential(torch.nn.Flatten(), layer)
    file = tmp_path / "mine.pt"
    torch.jit.trace(network, torch.zeros(1, 3, height, width)).save(str(file))
    dataset = drawn()
    dataset.label[:] = 0
    dataset.label[np.arange(10), np.arange(10) % 2] = 1
    dataset.label[3] = -1
    names = ["eel", "train", "cat", "bicycle"]
    given = {"path": file, "batch": 3, "classes": names, "activation": "softmax"}
    result = run(teacher_section("torchscript", oracle=0.1, **given), dataset)
    from precompute.teachers.teacher import Preprocessing

    prepare = Preprocessing(**PLAIN).prepare
    x = np.stack([prepare(dataset.load(i)).ravel() for i in range(10)])
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    z = x @ weight.T + bias
    np.testing.assert_allclose(result.logit, z[:, [3, 1]], atol=1e-4)
    np.testing.assert_allclose(result.logits.other, z[:, [0, 2]], atol=1e-4)
    assert result.logits.other_classes == ("eel", "cat")
    assert result.attrs["teacher_activation"] == "softmax"
    # equation 2 with the cross-entropy of the softmax over all four
    hot = np.zeros((10, 4))
    hot[np.arange(10), np.array([3, 1])[np.arange(10) % 2]] = 1
    residual = softmax(z, axis=1) - hot
    residual[3] = 0  # not known
    stronger = x - 0.1 * np.abs(x) * (residual @ weight)
    np.testing.assert_allclose(
        result.oracle[:5], (stronger @ weight.T + bias)[:5, [3, 1]], atol=1e-3
    )
    losses = -np.log(softmax(z, axis=1)[np.arange(5), hot[:5].argmax(1)])
    losses[3] = 0
    assert result.attrs["oracle"]["task_loss"] == pytest.approx(losses.mean(), rel=1e-4)
