"""Shift of the demo's classes, whose shortcuts are known, from Python and the command line."""

import numpy as np
import pytest
from factory import shift_of
from sklearn.metrics import average_precision_score
from spread_shortcut import CONTEXT, shifted_frames

import inficond_panel
from inficond_panel.api.students import TunableStudents
from inficond_panel.distill.shift_kinds import cross_fitted_model
from inficond_panel.results.shift import student_differences, student_shift, tune_aps
from inficond_panel.tuning import Intent, Tuner, open_tuner
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.vocabulary.shift_kinds import LOST
from inficond_panel.wording.shift_kinds import finding_sentence
from inficond_panel.wording.suspects import relies_wrongly

#: Contexts that are correlated with a class in fit only, by the demo's recipe.
SHORTCUTS = {
    "bicycle": "traffic light",
    "boat": "lifebuoy",
    "dog": "soccer ball",
    "tv monitor": "couch",
}


@pytest.fixture(scope="module")
def tuner() -> Tuner:
    return open_tuner("demo", history=":memory:")


def test_shortcuts_of_the_demo_are_first_suspects_others_have_none_in_the_doctor_too(tuner):
    tuner.root()
    found = {name: shift_of(tuner, name) for name in tuner.store.classes}
    assert {name: found[name].suspects[0].concept for name in SHORTCUTS} == SHORTCUTS
    assert all(found[name].kind == "shift" for name in SHORTCUTS)
    assert "vertical traffic light" in found["bicycle"].suspects[0].group  # a twin
    for name, of_class in found.items():
        assert name not in [suspect.concept for suspect in of_class.suspects]
    others = [one for name, one in found.items() if name not in SHORTCUTS and one.kind != "shift"]
    assert len(others) >= 8
    assert not any(one.suspects for one in others)
    found = TunableStudents(tuner).fit().doctor(["dog", "cat"])
    classes, suspects = found["classes"], found["suspects"]
    assert classes["shift"].to_dict() == {"dog": "shift", "cat": "none"}
    assert classes.loc["dog", "ap_change_high"] < 0
    cat = classes.loc["cat"]
    assert f"({100 * cat.ap_change:+.1f} points" in cat.sentence.replace("−", "-")
    assert classes.loc["dog", "student_ap"] < classes.loc["dog", "own_word_ap"]
    assert classes.loc["dog", "suspects"][0] == "soccer ball"
    assert suspects.index[0] == ("dog", "soccer ball")
    assert suspects["fit_with"].iloc[0] > suspects["tune_with"].iloc[0] > 0
    shares = "n 82 % of the training images with dog, 40 % of the tuning ones"
    assert suspects["sentence"].iloc[0] == f"I{shares}."
    said = "dog relies on soccer ball, in 82 % of the training images with dog, 40 % of the tuning"
    assert found["findings"].loc["dog", "finding"].startswith(said)
    assert set(suspects.index.get_level_values("class")) == {"dog"}
    first, second = classes.attrs["notes"]
    assert first.startswith("dog: Shift: from training to tuning images, AP falls by")
    assert " AP on tuning images: the student 0." in first
    assert second.startswith("cat: No shift")


def test_what_is_removed_is_relied_on_no_longer(tuner):
    """Its twin is, which takes over; where both are removed AP is lost no longer."""
    light, twin = SHORTCUTS["bicycle"], "vertical traffic light"
    of_class = {}
    for removed in ((light,), (light, twin)):
        edits = [Intent("bicycle", each, "remove") for each in removed]
        node = tuner.fine_tune(tuner.root(), edits)
        of_class[len(removed)] = student_shift(tuner, node, "bicycle")
        found = student_differences(tuner, node, "bicycle")
        relies = relies_wrongly(of_class[len(removed)])
        assert (LOST in found.kinds) == relies == (len(removed) == 1)
        words = finding_sentence(found, of_class[len(removed)])
        assert words.startswith("bicycle relies on" if relies else "bicycle does about as well")
    assert of_class[1].first.concept == twin
    assert light not in [suspect.concept for suspect in of_class[1].suspects]
    assert (of_class[2].kind, of_class[2].suspects) == ("none", ())


def test_a_model_of_tune_never_sees_the_label_that_it_is_measured_on():
    """On labels by chance its logits tell nothing; fitted to them it would tell all."""
    rng = np.random.default_rng(0)
    scores, label = rng.random((200, 150)), (rng.random(200) < 0.5).astype(int)
    logit, _ = cross_fitted_model(scores, label, scores[:1])
    assert abs(np.corrcoef(logit, label)[0, 1]) < 0.25


def test_without_labels_of_fit_the_teacher_decides_and_few_of_tune_are_unknown(tuner, monkeypatch):
    def with_labels(split: str, value: int) -> ClassShift:
        label = np.array(tuner.store.label)
        label[tuner.store.rows(split)] = value
        with monkeypatch.context() as patch:
            patch.setattr(tuner.store, "label", label)
            return shift_of(tuner, "dog")

    by_teacher, few = with_labels("fit", -1), with_labels("tune", 0)
    assert by_teacher.by_teacher
    assert by_teacher.suspects[0].concept == "soccer ball"
    assert (few.kind, few.suspects, few.lost_bond) == ("unknown", (), False)
    assert few.lacking.startswith("tune has 0 positive and")


def test_a_class_that_all_photos_of_fit_show_is_no_suspect(tmp_path):
    """On tune it is there with what the student leans on, and not with the class."""
    frames = shifted_frames(images=800, fit=400, seed=1)
    fit, road = frames["split"] == "fit", frames["scores"][CONTEXT].mean(axis=1)
    seen = (road > 0.25) & (frames["labels"]["truck"] == 0)
    frames["labels"]["road"] = (fit | seen).astype(int)
    frames["logits"]["road"] = np.random.default_rng(0).normal(0, 2, len(fit))
    frames["scores"]["road"] = road
    store = str(tmp_path / "own.zarr")
    inficond_panel.from_frames(**frames, path=store)
    suspects = inficond_panel.open_students(store).doctor("truck")["suspects"]
    assert 0 < suspects.loc[("truck", "road"), "threshold"] < 0.5


def test_ap_of_a_repaired_student_is_of_photos_that_it_did_not_learn_from(tuner):
    store, root = tuner.store, tuner.root()
    node = tuner.fine_tune(root, [Learn("dog"), Lambda("dog")])
    before = tune_aps(tuner, root, student_shift(tuner, root, "dog", baselines=True))
    after = tune_aps(tuner, node, student_shift(tuner, node, "dog", baselines=True))
    assert list(before) == ["student", "own_word", "tune_model"]
    assert list(after) == ["student", "original", "own_word", "tune_model"]
    rows, k = store.rows("tune"), store.classes.index("dog")
    scores, label = store.concept_score[rows], store.label[rows, k]

    def ap_seen(of) -> float:
        return average_precision_score(label, scores @ of.weights[:, k])

    assert before["student"].estimate == pytest.approx(ap_seen(root), abs=1e-6)
    assert after["original"] == before["student"]
    assert before["student"].estimate < after["student"].estimate < ap_seen(node)
    # without a repair of the class, its student is the original one
    assert list(tune_aps(tuner, node, student_shift(tuner, node, "cat"))) == ["student"]
