"""Thresholds chosen by labels: against scikit-learn, by hand, and through spec and command."""

import numpy as np
import pytest
from factory import STUDENTS, small_spec
from ruamel.yaml import YAML
from sklearn.metrics import f1_score

from inficond_panel.cli import main
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.distill.metrics.thresholds import ThresholdChoice
from inficond_panel.errors import TuningError
from inficond_panel.results.decisions import gains_clearly, thresholds
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.vocabulary.intents import LABELS

pytestmark = pytest.mark.commands


def data(seed):
    rng = np.random.default_rng(seed)
    logit = np.round(rng.normal(size=90), 1)  # with ties
    return (logit + rng.normal(size=90) > 0.6).astype(int), logit


@pytest.mark.parametrize("seed", range(6))
def test_best_f1_is_that_of_all_thresholds(seed):
    label, logit = data(seed)
    every = [f1_score(label, logit >= cut) for cut in np.unique(logit)]
    chosen = ThresholdChoice(label, logit).value()
    assert f1_score(label, logit > chosen) == pytest.approx(max(every))
    assert chosen not in logit


def test_thresholds_by_hand():
    label, logit = np.array([1, 1, 0, 1, 0]), np.array([5.0, 3.0, 2.0, 1.0, 0.0])
    assert ThresholdChoice(label, logit).value() == 0.5  # F1 6/7, of 4 named 3 right
    assert ThresholdChoice(label, logit, 1.0).value() == 2.5
    assert np.isnan(ThresholdChoice(np.array([0, 1, 0]), np.array([3.0, 2, 1]), 0.6).value())
    assert ThresholdChoice(np.array([1, 1]), np.array([2.0, 2.0])).value() < 2


@pytest.mark.parametrize("precision", [None, 0.5])
def test_last_digits_decide_nothing(precision):
    # no threshold lies between images whose logits only rounding keeps apart
    label, logit = np.array([1, 0, 1, 0, 0, 1]), np.repeat([2.0, 1.0, -1.0], 2)
    rounded = logit * (1 + np.random.default_rng(0).uniform(-1e-15, 1e-15, 6))
    expected = ThresholdChoice(label, logit, precision).value()
    assert ThresholdChoice(label, rounded, precision).value() == pytest.approx(expected)


def test_counts_are_repeated_images():
    label, logit = data(3)
    counts = np.random.default_rng(0).integers(0, 3, size=(4, len(label)))
    found = ThresholdChoice(label, logit).values(counts)
    for row, value in zip(counts, found, strict=True):
        again, logits = np.repeat(label, row), np.repeat(logit, row)
        best = max(f1_score(again, logits >= cut) for cut in np.unique(logits))
        assert f1_score(again, logits > value) == pytest.approx(best)


def test_no_image_chooses_the_threshold_that_decides_it():
    """An image whose label is turned changes its own decision in no fold."""
    label, logit = data(1)
    label[7] = 1
    found = ThresholdChoice(label, logit).cross_fitted()
    folds = stratified_folds(label[:, None], 5, 0)
    for fold in range(5):
        out = folds == fold
        alone = ThresholdChoice(label[~out], logit[~out]).value()
        np.testing.assert_allclose(found[out], logit[out] - alone)


def test_the_line_of_the_command_goes_into_the_spec(tmp_path, capsys):
    spec = small_spec(tmp_path, images=400)
    assert main(["thresholds", str(spec), "--class", "bicycle"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    setting = YAML(typ="safe").load(line)["threshold"]
    assert set(setting) == {"bicycle"}
    tuner = open_tuner(spec)
    before, root = tuner.metrics(tuner.root(), "tune")["bicycle"], tuner.root_id
    student = tuner.at(tuner.root(), "tune")["bicycle"]
    known = student.labels >= 0
    label, logit = student.labels[known], student.logits[known]
    spec.write_text(spec.read_text().replace(STUDENTS, f"students:\n  lambda: 1.0e-4\n{line}\n"))
    again = open_tuner(spec)
    assert again.root_id == root  # a threshold is not part of an iteration
    after = again.metrics(again.root(), "tune")["bicycle"]
    assert after.f1 == pytest.approx(max(f1_score(label, logit >= cut) for cut in logit))
    assert after.f1 >= before.f1


def test_classes_whose_f1_gains_nothing_are_not_in_the_line(tmp_path):
    tuner = open_tuner(small_spec(tmp_path, images=400))
    found = thresholds(tuner, tuner.root())
    setting = YAML(typ="safe").load(found.attrs["notes"][-1])["threshold"]
    gain = found["f1_change_low"]
    assert set(setting) == set(gain[gain > 0].index)
    assert 0 < len(setting) < len(gain)


def test_without_a_clear_gain_there_is_no_line(tmp_path, capsys):
    spec = small_spec(tmp_path, images=400)
    assert main(["thresholds", str(spec), "--class", "bird"]) == 0
    assert "threshold:" not in capsys.readouterr().out


def test_at_a_given_precision_all_classes_are_in_the_line(tmp_path):
    tuner = open_tuner(small_spec(tmp_path, images=400))
    found = thresholds(tuner, tuner.root(), precision=0.5)
    setting = YAML(typ="safe").load(found.attrs["notes"][-1])["threshold"]
    assert set(setting) == set(found.index[found["threshold"].notna()])


def test_the_f1_of_calling_every_image_stands_beside(tmp_path):
    tuner = open_tuner(small_spec(tmp_path, images=400))
    found, label = thresholds(tuner, tuner.root()), tuner.store.label[tuner.store.rows("tune")]
    for k, name in enumerate(tuner.store.classes):
        known = label[label[:, k] >= 0, k]
        assert found.loc[name, "always"] == pytest.approx(f1_score(known, np.ones(len(known))))


@pytest.mark.parametrize(
    ("gain", "f1", "clear"), [(0.2, 0.4, True), (0.2, 0.2, False), (-0.1, 0.4, False)]
)
def test_a_threshold_that_only_calls_most_images_does_not_gain(gain, f1, clear):
    row = {"f1_change_low": gain, "f1_low": f1, "always": 0.3}
    assert gains_clearly(row) is clear


def test_too_few_labels_are_told(tmp_path, capsys):
    few = small_spec(tmp_path, images=40)
    assert main(["thresholds", str(few)]) == 0
    assert "10 of each are needed" in capsys.readouterr().out


def test_a_student_that_has_learned_these_labels_gets_no_threshold(tmp_path):
    tuner = open_tuner(small_spec(tmp_path), history=":memory:")
    name, *others = tuner.store.classes
    node = tuner.fine_tune(tuner.root(), [Learn(name, LABELS, value=1.0)])
    found = thresholds(tuner, node)
    assert found.loc[name, "lacking"].startswith("its student has used the labels")
    assert np.isnan(found.loc[name, "threshold"])
    assert (found.loc[others, "lacking"] == "").all()


def test_a_wrong_precision_is_told(tmp_path):
    few = small_spec(tmp_path, images=40)
    tuner = open_tuner(few)
    with pytest.raises(TuningError, match=r"must be above 0 and at most 1, got 1\.5"):
        thresholds(tuner, tuner.root(), precision=1.5)


def test_a_wrong_precision_is_refused_by_the_command(tmp_path):
    few = small_spec(tmp_path, images=40)
    with pytest.raises(SystemExit):
        main(["thresholds", str(few), "--precision", "0"])
