"""Groups reweighted: the groups of a label have equal weight in the fit; labels keep theirs."""

import numpy as np
import pytest
from grouped import CLASS, COLUMN, grouped_frames

from inficond_panel import from_frames
from inficond_panel.api.arguments import as_asked
from inficond_panel.distill import FitProblem, Scores, solve
from inficond_panel.errors import EditsError, TuningError
from inficond_panel.tuning import read_edits
from inficond_panel.tuning.repairs.choosing import choose
from inficond_panel.tuning.repairs.kinds import terms_from_json
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.reweight_groups import VALUES, GroupWeights, ReweightGroups
from inficond_panel.tuning.replay import replay_into
from inficond_panel.wording.repairs import edit_words, plain_edit, terms_words


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    path = tmp_path_factory.mktemp("groups") / "own.zarr"
    return from_frames(**grouped_frames(), path=path).with_settings(lambda_=1e-3).fit()


@pytest.fixture(scope="module")
def tuner(students):
    return students.tuner


@pytest.fixture
def evidence(tuner):
    return tuner.repairs.evidence(tuner.repairs.class_fit(tuner.root(), CLASS))


def in_cell(store, split, label, place):
    rows = store.rows(split)
    return (store.label[rows, 0] == label) & (np.array(store.column(COLUMN))[rows] == place)


def totals(tuner, value):
    """Weight of each cell in the fit, by label and place, of a node with this strength."""
    node = tuner.fine_tune(tuner.root(), [ReweightGroups(CLASS, COLUMN, value)])
    weight = tuner.repairs.class_fit(node, CLASS).data.weight(0)
    return {
        (label, place): weight[in_cell(tuner.store, "fit", label, place)].sum()
        for label in (1, 0)
        for place in ("water", "land")
    }


@pytest.mark.parametrize("label", [1, 0])
def test_groups_of_a_label_have_equal_weight(tuner, label):
    found = totals(tuner, 1.0)
    assert found[label, "water"] == pytest.approx(found[label, "land"], rel=1e-6)


@pytest.mark.parametrize("value", VALUES)
def test_a_label_keeps_its_weight(tuner, value):
    found, fit = totals(tuner, value), tuner.store.rows("fit")
    share = (tuner.store.label[fit, 0] == 1).mean()
    assert found[1, "water"] + found[1, "land"] == pytest.approx(share, rel=1e-6)


def test_half_the_strength_gives_a_group_the_root_of_its_size(tuner):
    """The weights of two groups are in the ratio of the roots of their numbers of images."""
    found, store = totals(tuner, 0.5), tuner.store
    water, land = (in_cell(store, "fit", 1, place).sum() for place in ("water", "land"))
    assert found[1, "water"] / found[1, "land"] == pytest.approx(np.sqrt(water / land), rel=1e-6)


def test_the_student_is_the_fit_with_these_sample_weights(tuner):
    node = tuner.fine_tune(tuner.root(), [ReweightGroups(CLASS, COLUMN, 1.0)])
    store, fit = tuner.store, tuner.store.rows("fit")
    weight = np.ones(len(fit))
    for label in (1, 0):
        side = store.label[fit, 0] == label
        for place in ("water", "land"):
            cell = in_cell(store, "fit", label, place)
            weight[cell] = side.sum() / 2 / cell.sum()
    target = 1 / (1 + np.exp(-store.teacher_log_odds[fit].astype(float)))
    scores = Scores(store.concept_score[fit])
    made = solve(FitProblem(scores, target, 1e-3, sample_weight=weight[:, None]), tolerance=1e-9)
    np.testing.assert_allclose(node.weights, made.weights, atol=1e-4)


def test_strength_0_leaves_the_student_as_it_is(tuner):
    node = tuner.fine_tune(tuner.root(), [ReweightGroups(CLASS, COLUMN, 0.0)])
    np.testing.assert_allclose(node.weights, tuner.root().weights, atol=2e-3)  # solver


def test_learned_images_have_the_weight_of_their_cell(tuner):
    edits = [{"class": CLASS, "direction": "learn", "from": "labels", "value": 1}]
    edits = [*as_asked(edits, [CLASS]), ReweightGroups(CLASS, COLUMN, 1.0)]
    node = tuner.fine_tune(tuner.root(), edits)
    data = tuner.repairs.class_fit(node, CLASS).data
    of_fit, of_tune = np.split(data.weight(0), [len(tuner.store.rows("fit"))])
    first = (
        of_fit[in_cell(tuner.store, "fit", 1, "land")][0],
        of_tune[in_cell(tuner.store, "tune", 1, "land")][0],
    )
    assert first[0] == pytest.approx(first[1])


@pytest.mark.parametrize("by", [COLUMN, "lake", " lake "])
def test_a_column_or_a_concept_divides_images(tuner, by):
    node = tuner.fine_tune(tuner.root(), as_asked([_mapping(by)], [CLASS]))
    assert np.abs(node.weights - tuner.root().weights).max() > 0.1


def _mapping(by, value=1):
    return {"class": CLASS, "direction": "groups", "by": by, "value": value}


def test_the_teacher_decides_where_a_training_image_has_no_label(tmp_path):
    given = grouped_frames()
    given["labels"] = given["labels"].where(given["split"] != "fit")
    tuner = from_frames(**given, path=tmp_path / "own.zarr").fit().tuner
    evidence = tuner.repairs.evidence(tuner.repairs.class_fit(tuner.root(), CLASS))
    rows = tuner.store.rows("fit")
    present = tuner.store.teacher_log_odds[rows, 0] > 0
    water = np.array(tuner.store.column(COLUMN))[rows] == "water"
    assert evidence.cells(COLUMN, rows).sizes()["present · water"] == (present & water).sum()


def test_auto_compares_strengths_by_the_worst_group(evidence):
    tried = ReweightGroups(CLASS, COLUMN).candidates(evidence, evidence.student.terms, able=True)
    assert [each.get(GroupWeights).value for each in tried] == list(VALUES)


def test_another_free_value_is_chosen_by_the_worst_group(tuner, monkeypatch):
    compared, place = [], "inficond_panel.tuning.repairs.resolution.choose"
    monkeypatch.setattr(
        place, lambda *a, cell, **k: compared.append(cell) or choose(*a, cell=cell, **k)
    )
    tuner.fine_tune(tuner.root(), [ReweightGroups(CLASS, COLUMN, 0.25), Lambda(CLASS)])
    assert set(np.unique(compared[0])) == {0, 1, 2, 3}


def test_it_is_read_from_an_edits_file(tuner, tmp_path):
    file = tmp_path / "edits.yaml"
    file.write_text("- - {class: bird, direction: groups, by: ' place ', value: auto}\n")
    assert read_edits(file, tuner.store) == [[ReweightGroups(CLASS, COLUMN)]]


FAULTS = {
    "by: plaice, value: 1": "no column, property, class or concept 'plaice' in the store. Did you "
    "mean 'place'?",
    "value: 1": "the key 'by' is missing",
    "by: place, value: 3": "expected a number from 0 to 2, or auto",
    "by: [place], value: 1": "expected the name of a column",
}


@pytest.mark.parametrize("given", FAULTS)
def test_an_edits_file_tells_what_is_wrong(tuner, tmp_path, given):
    file = tmp_path / "edits.yaml"
    file.write_text(f"- - {{class: bird, direction: groups, {given}}}\n")
    with pytest.raises(EditsError, match=FAULTS[given].replace("?", r"\?")):
        read_edits(file, tuner.store)


REFUSED = {
    "rare": "5 images of fit in each cell of label and group; too few: present · few",
    "one": "all images of fit and tune are of one group",
    "plaice": "Did you mean 'place'",
    "bird": "too few: present · 0 \\(0\\), absent · 1",
}


@pytest.mark.parametrize("by", REFUSED)
def test_it_is_refused(tuner, by):
    with pytest.raises(TuningError, match=REFUSED[by]):
        tuner.fine_tune(tuner.root(), as_asked([_mapping(by)], [CLASS]))


def test_two_ways_to_divide_images_are_refused(tuner):
    edits = [ReweightGroups(CLASS, COLUMN), ReweightGroups(CLASS, "coin")]
    with pytest.raises(TuningError, match="by 'coin' and by 'place'"):
        tuner.fine_tune(tuner.root(), edits)


def test_a_replay_makes_the_same_student(tuner, tmp_path):
    node = tuner.fine_tune(tuner.root(), [ReweightGroups(CLASS, COLUMN)])
    _, pairs = replay_into(tuner, tmp_path / "again.history.sqlite")
    assert {old.id: new.weights_hash for old, new in pairs}[node.id] == node.weights_hash


def stored(evidence):
    (terms,) = ReweightGroups(CLASS, COLUMN, 1.0).candidates(
        evidence, evidence.student.terms, able=True
    )
    return terms, terms.to_json()


def test_terms_are_read_as_they_were_stored(evidence):
    terms, plain = stored(evidence)
    assert terms_from_json(plain, len(evidence.student.store.rows("fit"))) == terms


DAMAGES = {
    "damaged": ("hash", "0" * 64),
    "less than those of fit": ("images", 3),
    "does not have weights": ("weights", ""),
    "cannot be decompressed": ("weights", "AAAA"),
    "no penalty or weight": ("value", -1),
}


@pytest.mark.parametrize("message", DAMAGES)
def test_damaged_terms_are_refused(evidence, message):
    _, plain = stored(evidence)
    key, value = DAMAGES[message]
    plain["groups"][key] = value
    with pytest.raises(ValueError, match=message):
        terms_from_json(plain, len(evidence.student.store.rows("fit")))


def test_the_edit_has_words():
    assert edit_words(ReweightGroups(CLASS, COLUMN, 0.5)) == "groups place 0.5"


def test_the_edit_has_words_for_beginners():
    assert plain_edit(ReweightGroups(CLASS, COLUMN)) == "Reweight groups by place"


def test_the_effect_has_words_with_the_size_of_each_cell(evidence):
    terms, _ = stored(evidence)
    size = in_cell(evidence.student.store, "fit", 1, "land").sum()
    (words,) = [each for each in terms_words(terms) if "groups" in each]
    assert words.startswith(f"groups reweighted by place, strength 1: present · land ({size}), ")


def test_its_figures_on_tune_are_of_students_chosen_without_the_image(students):
    after = students.tune([ReweightGroups(CLASS, COLUMN)])
    plain = after.tuner.logits(after.node, after.tuner.store.rows("tune"))[:, 0]
    shown = after.tuner.at(after.node, "tune")[CLASS].outcome.all_logits
    assert after.tuner.terms(after.node)[CLASS].used == len(plain)
    assert shown.shape == plain.shape
