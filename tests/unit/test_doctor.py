"""The doctor: findings on a store with known faults, and labels that are likely wrong."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import inficond_panel
from inficond_panel.common.numbers import number_range
from inficond_panel.export.card_markdown import card_markdown
from inficond_panel.export.model_card import model_card
from inficond_panel.results.doctor import doctor, examined
from inficond_panel.results.frame import text_table
from inficond_panel.results.shift import student_shift
from inficond_panel.results.slices import metadata_slices
from inficond_panel.store import open_store
from inficond_panel.store.write import add_arrays
from inficond_panel.tuning.repairs.reweight import Reweighted
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES
from inficond_panel.vocabulary.shift_kinds import LOST, NOISE, PHOTOS
from inficond_panel.wording.shift_kinds import MISSING_LABELS
from inficond_panel.wording.suspects import unsure_classes

NAMES = ["road", "sky", *(f"word {i}" for i in range(14)), "street", "nothing"]


NOISE_OF_ROWS = "wrong labels of training rows"
#: The sentence of a store of tables.
ROWS_MISSING = MISSING_LABELS.replace("images", "rows")


def frames(flipped: float = 0.0, known: bool = True) -> tuple[dict, np.ndarray]:
    """Photos of two classes by two words each; a share of the labels of ``car`` on fit is wrong,
    and the teacher, who has learned them, has them too."""
    rng = np.random.default_rng(2)
    split = np.repeat(["fit", "tune", "holdout"], [900, 500, 100])
    scores = rng.normal(size=(len(split), len(NAMES)))
    scores[:, NAMES.index("street")] = scores[:, 0]
    scores[:, NAMES.index("nothing")] = 0.25
    car = rng.random(len(split)) < expit(3 * scores[:, 0] + 2 * scores[:, 2] - 2)
    bird = rng.random(len(split)) < expit(3 * scores[:, 1] + 2 * scores[:, 3] - 2)
    wrong = (rng.random(len(split)) < flipped) & (split == "fit")
    label = np.stack([car ^ wrong, bird], axis=1).astype(float)
    logit = 3 * (2 * label - 1) + rng.normal(size=label.shape)
    if not known:
        logit[:, 1] = rng.normal(size=len(split))
    index = [f"{i:04d}.jpg" for i in range(len(split))]
    given = {
        "scores": pd.DataFrame(scores, index, NAMES),
        "teacher": pd.DataFrame(logit, index, ["car", "bird"]),
        "labels": pd.DataFrame(label, index, ["car", "bird"]),
        "split": pd.Series(split, index),
    }
    return given, wrong


def made(path, given):
    parts = (given["scores"], given["teacher"], given["labels"])
    students = inficond_panel.from_frames(*parts, split=given["split"], path=path / "own.zarr")
    return students.with_settings(lambda_=1e-3).fit()


def by_kind(found):
    return dict(zip(found["findings"]["kind"], found["findings"]["finding"], strict=True))


@pytest.fixture(scope="module")
def mislabelled(tmp_path_factory) -> tuple:
    """The findings where a tenth of the labels of car is wrong, and which these are."""
    given, wrong = frames(flipped=0.1)
    return made(tmp_path_factory.mktemp("mislabelled"), given).doctor(), wrong


def test_wrong_labels_are_named(mislabelled):
    found, _ = mislabelled
    car, bird = found["classes"].loc[["car", "bird"]].itertuples()
    assert car.kinds.startswith("wrong labels of training rows")
    assert "wrong labels" not in bird.kinds
    assert (car.added, car.missed) == pytest.approx((0.1, 0.1), abs=0.05)
    assert found._repr_html_().count("<table") == 1


def test_labels_that_the_teacher_learned_may_be_right(mislabelled):
    assert "or these scores are wrong" in by_kind(mislabelled[0])[NOISE_OF_ROWS]


def test_where_nothing_speaks_for_wrong_labels_no_share_of_them_is_told(mislabelled):
    bird = mislabelled[0]["classes"].loc["bird"]
    assert np.isnan([bird.added, bird.missed]).all()


def test_wrong_labels_are_listed(mislabelled):
    found, wrong = mislabelled
    labels = found["labels"]
    assert set(labels.index.get_level_values("class")) == {"car"}
    listed = [int(image[:4]) for image in labels.index.get_level_values("image")]
    assert np.mean(wrong[listed]) > 0.8
    assert labels["wrong"].is_monotonic_decreasing
    assert ROWS_MISSING in labels.attrs["notes"]


def test_labels_that_are_not_shown_are_counted(mislabelled):
    labels = mislabelled[0]["labels"]
    hidden = len(labels) - 10
    assert len(labels.attrs["shown"]) == 10
    told = f"And {hidden} more, of car: `students.doctor('car')`."
    assert labels.attrs["notes"][0] == told


def test_a_class_by_name_has_all_its_labels(tmp_path):
    students = made(tmp_path, frames(flipped=0.1)[0])
    tuner, node = students.tuner, students.tuner.root()
    every, car = (doctor(tuner, node, classes)["labels"] for classes in (None, ["car"]))
    command = "`inficond doctor SPEC --class car`."
    assert every.attrs["notes"][0].endswith(command)
    assert len(car.attrs["shown"]) == len(every)
    assert not any(command in note for note in car.attrs["notes"])


def test_a_note_says_what_the_level_of_the_change_is(mislabelled):
    frame = mislabelled[0]["classes"]
    assert "96 %" in text_table(frame)[0]
    assert [note for note in frame.attrs["notes"] if note.startswith("The change to tuning is at")]


def test_shares_of_wrong_labels_stand_with_their_limits(mislabelled):
    frame = mislabelled[0]["classes"]
    car, bird = frame.loc["car"], frame.loc["bird"]
    assert car.added_low < car.added < car.added_high
    assert car.missed_low < car.missed < car.missed_high
    low, high = (f"{100 * end:.0f}" for end in (car.missed_low, car.missed_high))
    sentences = " ".join(mislabelled[0]["findings"]["finding"])
    assert f"{low} to {high} % of those with it are not" in sentences
    assert np.isnan([bird.added_low, bird.missed_high]).all()
    header, rows = text_table(frame)
    at = header.index("wrongly absent")
    limits = number_range(car.missed_low, car.missed_high, 2)
    assert [row[at : at + 2] for row in rows] == [[f"{car.missed:.2f}", limits], ["", ""]]


@pytest.mark.parametrize(
    ("kinds", "perhaps", "listed"),
    [
        ((NOISE,), (), "labels"),
        ((NOISE,), (LOST,), "labels_to_look_at"),
        ((NOISE, PHOTOS), (), "labels_to_look_at"),
        ((LOST,), (NOISE,), "labels_to_look_at"),
        ((LOST,), (), None),
        ((), (), None),
    ],
)
def test_labels_are_called_wrong_only_where_nothing_else_looks_the_same(
    tmp_path, monkeypatch, kinds, perhaps, listed
):
    measured = examined.student_differences

    def student_differences(*given, **named):
        return replace(measured(*given, **named), kinds=kinds, perhaps=perhaps)

    monkeypatch.setattr(examined, "student_differences", student_differences)
    found = made(tmp_path, frames(flipped=0.1)[0]).doctor("car")
    tables = ("labels", "labels_to_look_at")
    assert [name for name in tables if len(found[name])] == ([listed] if listed else [])


def test_the_model_card_lists_the_classes_with_wrong_labels(tmp_path):
    students = made(tmp_path, frames(flipped=0.1)[0])
    card = model_card(students.tuner, students.node)
    assert [each["class"] for each in card["reliances"]["mislabelled"]] == ["car"]
    assert ROWS_MISSING.partition(":")[0] in card_markdown(card)
    listed = card_markdown(card).partition("Labels in doubt:")[2]
    assert listed.strip().startswith("- car: wrong labels of training rows. By the labels")


def test_wrong_labels_are_told_first(mislabelled):
    found, _ = mislabelled
    first = str(found).splitlines()[1]
    assert first.startswith("car … wrong labels of training rows … By the labels of the tuning ")
    assert "correct those that are" in first


def test_decisions_of_the_teacher_are_no_labels_that_are_wrong(tmp_path):
    """They stand for the labels of fit where there are none, and differ from those of tune."""
    given, _ = frames()
    given["labels"].loc[given["split"] == "fit", "car"] = np.nan
    wrong = np.random.default_rng(0).random(len(given["split"])) < 0.15
    wrong &= (given["split"] == "fit").to_numpy()
    given["teacher"].loc[wrong, "car"] *= -1
    found = made(tmp_path, given).doctor("car")
    assert "wrong labels" not in found["classes"].loc["car", "kinds"]
    assert found["labels"].empty


def test_concepts_that_say_nothing_or_the_same_are_named(tmp_path):
    given, _ = frames()
    found = made(tmp_path, given).doctor()
    assert "nothing" in by_kind(found)["constant"]
    assert by_kind(found)["nearly equal"] == "road = street."
    remedies = ["Drop these columns of scores.", "Drop one column of each pair."]
    assert list(found["findings"].loc[["concepts"], "remedy"]) == remedies
    assert "rows" not in found["findings"].index


def test_photos_unlike_those_of_fit_are_named(tmp_path):
    given, _ = frames()
    given["scores"].loc[given["split"] == "tune", "word 9"] += 1
    finding = made(tmp_path, given).doctor()["findings"].loc["rows", "finding"]
    assert "1 of 18 concepts has different scores than in the training rows: word 9" in finding


def test_a_teacher_that_does_not_know_a_class_comes_first(tmp_path):
    first = made(tmp_path, frames(known=False)[0]).doctor()["findings"].loc[["bird"]].iloc[0]
    assert first["kind"] == "unknown to the teacher"
    assert first["finding"].startswith("The teacher does not know 'bird'")


def test_few_photos_tell_nothing_apart(tmp_path):
    given, _ = frames()
    given["labels"].loc[given["split"] == "tune", "bird"] = 0
    given["labels"].iloc[900:905, 1] = 1
    found = made(tmp_path, given).doctor("bird")
    assert found["classes"].loc["bird", "kinds"] == "too few rows"
    finding = found["findings"].loc["bird", "finding"]
    assert "and 5 tuning rows show bird: at least 10" in finding
    assert "At this share that takes about 1,000 tuning rows, now 500." in finding
    assert found["labels"].empty


def test_many_classes_with_too_few_photos_are_one_finding(tmp_path):
    given, _ = frames()
    for k in range(5):
        given["labels"][f"rare {k}"] = (np.arange(len(given["labels"])) % 500 < k).astype(float)
        given["teacher"][f"rare {k}"] = 8 * given["labels"][f"rare {k}"] - 4
    findings = made(tmp_path, given).doctor()["findings"]
    few = findings[findings["kind"].str.contains("too few rows")]
    assert list(few["kind"]) == ["5 with too few rows"]
    assert few["finding"].iloc[0].endswith("rare 0, rare 1, rare 2, rare 3, rare 4 have fewer.")


@pytest.fixture(scope="module")
def with_rare(tmp_path_factory):
    """Students of two classes and three rare ones, and of one with enough images for all but a
    verdict."""
    given, _ = frames()
    for k in range(3):
        label = (np.arange(len(given["labels"])) % 400 == k).astype(float)
        given["labels"][f"rare {k}"], given["teacher"][f"rare {k}"] = label, 8 * label - 4
    score = given["scores"].iloc[:, 1].to_numpy()
    seen = (score - score.mean()) / score.std()
    seen = seen + np.random.default_rng(0).normal(size=len(seen)) - 2.6
    given["labels"]["seldom"] = (seen > 0).astype(float)  # enough images, but a wide interval
    given["teacher"]["seldom"] = 3 * seen
    return made(tmp_path_factory.mktemp("rare"), given)


def test_the_doctor_and_the_page_count_the_same_classes_with_too_few_photos(with_rare):
    students = with_rare
    tuner, node = students.tuner, students.tuner.root()
    shifts = {name: student_shift(tuner, node, name) for name in tuner.store.classes}
    unsure = unsure_classes(shifts)
    findings = students.doctor()["findings"]
    assert "seldom" in unsure
    assert not shifts["seldom"].lacking
    few = findings[findings["kind"] == f"{len(unsure)} with too few rows"]["finding"].item()
    enough = "has 10 and more with and without the class, but a loss of more than 10 AP points is"
    assert f"seldom {enough} not excluded." in few


def test_the_model_card_says_of_each_kind_for_which_classes_there_are_too_few_rows(with_rare):
    card = card_markdown(model_card(with_rare.tuner, with_rare.node))
    differs, shared = card.partition("Differs between")[2].split("Shared by all rows:")
    few = "There are too few labelled rows to say this of rare 0, rare 1, rare 2{}.\n"
    assert few.format(", seldom") in differs
    assert few.format("") in shared.partition("## Solution")[0]


def test_the_model_card_says_nothing_was_found_of_classes_with_rows_enough_alone(with_rare):
    card = model_card(with_rare.tuner, with_rare.node)
    relied = {**card["reliances"], "differs": [], "in_fit": [], "other_kinds": []}
    unsure = relied["unsure"]["differs"]
    known = [name for name in card["classes"] if name not in unsure]
    told = card_markdown({**card, "reliances": relied})
    assert f"- nothing was found of {', '.join(known)}\n" in told
    none = {**relied, "unsure": {**relied["unsure"], "differs": [*card["classes"]]}}
    assert "nothing was found" not in card_markdown({**card, "reliances": none})


def test_the_model_card_adds_no_dot_to_a_note_that_has_one(with_rare):
    card = model_card(with_rare.tuner, with_rare.node)
    for note, told in (("Too small", "Note: Too small.\n"), ("Look again.", "Note: Look again.\n")):
        assert told in card_markdown({**card, "node": {**card["node"], "note": note}})


def test_too_few_photos_without_the_class_are_told_and_come_after_what_is_found(tmp_path):
    given, _ = frames(flipped=0.2)
    tune = np.flatnonzero(given["split"] == "tune")
    absent = tune[given["labels"].iloc[tune, 1] == 0]
    given["labels"].iloc[absent[6:], 1] = np.nan
    findings = made(tmp_path, given).doctor()["findings"]
    kinds = findings["kind"].tolist()
    assert kinds.index("wrong labels of training rows") < kinds.index("too few rows")
    assert "6 negative rows; 10 of each are needed" in findings.loc[["bird"], "finding"].iloc[0]


def test_a_class_has_too_few_photos_by_one_rule(tmp_path):
    given, _ = frames()
    tune = np.flatnonzero(given["split"] == "tune")
    for k, shown in enumerate((12, 7)):
        present = tune[given["labels"].iloc[tune, k] == 1]
        given["labels"].iloc[present[shown:], k] = np.nan
        given["labels"].iloc[tune[given["labels"].iloc[tune, k] == 0][60:], k] = np.nan
    rng = np.random.default_rng(0)
    given["scores"].loc[given["split"] == "tune"] += rng.normal(0, 1, (500, len(NAMES)))
    students = made(tmp_path, given)
    found = students.doctor()
    assert set(found["classes"]["shift"]) == {"unknown"}
    assert set(found["classes"]["kinds"]) == {"too few rows"}
    findings = found["findings"]
    assert findings.index[findings["kind"] == "too few rows"].tolist() == ["car", "bird"]
    assert "7 positive and 60 negative rows; 10" in found["classes"].loc["bird", "sentence"]
    assert "for 2 there are too few rows to say" in students.suggest().summary


def test_pictures_of_a_class_that_are_darker_on_fit_are_named(tmp_path):
    given, _ = frames()
    made(tmp_path, given)
    fit, of_tune = ((given["split"] == name).to_numpy() for name in ("fit", "tune"))
    values = np.random.default_rng(4).normal(0.5, 0.1, (len(given["split"]), 10))
    car = given["labels"]["car"].to_numpy() == 1
    values[car & fit, 0] -= 0.05
    keys = np.array([each.key for each in PICTURE_PROPERTIES])
    store = open_store(tmp_path / "own.zarr")
    before = store.content_hash
    add_arrays(store, {"picture": keys, "picture_property": values}, {})
    students = inficond_panel.open_students(tmp_path / "own.zarr", history=":memory:")
    found = students.doctor()
    assert students.tuner.store.content_hash == before
    assert found["classes"].loc["car", "pictures"] == ["dark images"]
    assert found["classes"].loc["bird", "pictures"] == []
    assert by_kind(found)["other pictures of the class"].startswith("Dark rows are ")
    masks = metadata_slices(students.tuner.store, "fit", ["image brightness"])
    dark = values[fit, 0]
    assert masks["dark images"].sum() > 0.25 * len(dark)
    assert dark[masks["dark images"]].max() < dark[masks["the others"]].min()

    tuned = students.tune({"class": "car", "direction": "balance", "concept": "image brightness"})
    weights = tuned.tuner.terms(tuned.node)["car"].get(Reweighted).weights
    target = values[of_tune & car, 0].mean()
    plain = values[fit & car, 0].mean() - target
    assert abs(np.average(values[fit & car, 0], weights=weights[car[fit]]) - target) < -plain / 4


def test_without_labels_of_tune_the_teachers_decisions_are_asked(tmp_path):
    """A correlation that holds on fit only is seen without a label, and it is said by what."""
    given, _ = frames()
    rng, fit = np.random.default_rng(5), (given["split"] == "fit").to_numpy()
    present = given["labels"]["bird"].to_numpy() == 1
    given["scores"].loc[fit & present, "word 9"] += 2.5
    given["teacher"]["bird"] = 3 * (2 * present - 1) + rng.normal(size=len(fit))
    given["labels"] = given["labels"].where(given["split"] == "fit")
    found = made(tmp_path, given).doctor("bird")
    assert found["classes"].loc["bird", "shift"] == "shift"
    assert found["suspects"].index[0] == ("bird", "word 9")
    assert "decisions replace labels" in found["classes"].loc["bird", "sentence"]
    told = by_kind(found)["1 without labels"]
    assert told.startswith("No tuning row has a label of bird.")
    assert np.isnan(found["classes"].loc["bird", "teacher_ap"])


MEASURED = {
    "inficond_panel.results.shift": ["class_shift", "differences", "with_baselines"],
    "inficond_panel.results.shared_bias": ["shared_suspects"],
    "inficond_panel.results.doctor.findings": ["null_frame"],
    "inficond_panel.results.doctor.drifted": ["drift"],
}


def test_asked_again_the_doctor_measures_nothing(tmp_path, monkeypatch):
    students = made(tmp_path, frames()[0])
    first = students.doctor()
    for module, names in MEASURED.items():
        for name in names:
            monkeypatch.setattr(f"{module}.{name}", lambda *_, **__: pytest.fail("measured again"))
    again = students.doctor()
    assert all(again[name].equals(frame) for name, frame in first.items())


def shared() -> dict:
    """Arguments of ``from_frames``: in fit and in tune alike, the class is seldom with ``man``."""
    rng, n = np.random.default_rng(0), 1500
    ids, man = [f"{i:04d}" for i in range(n)], rng.random(n) < 0.4
    blond = rng.random(n) < np.where(man, 0.08, 0.7)
    columns = {"pale": blond & (rng.random(n) < 0.5), "man": man}
    columns |= {f"word {i}": rng.random(n) < 0.3 for i in range(10)}
    label = pd.DataFrame({"blond": blond}, ids).astype(float)
    return {
        "scores": pd.DataFrame(columns, ids).astype(float),
        "logits": 3 * (2 * label - 1) + rng.normal(size=label.shape),
        "labels": label,
        "split": pd.Series(np.resize(["fit", "fit", "fit", "tune", "holdout"], n), ids),
        "metadata": pd.DataFrame({"male": man.astype(int)}, ids),
    }


#: What only a store made from photos by a spec can follow.
_OF_PHOTOS = ("inficond ", "concepts.filters", "dataset.", "encoder", "photo", "corpus")


def test_remedies_for_tables_need_no_photo_no_encoder_and_no_spec(tmp_path):
    given, _ = frames(flipped=0.1)
    given["scores"].loc[given["split"] == "tune", "word 9"] += 1
    given["labels"]["rare"] = (np.arange(1500) % 500 < 1).astype(float)
    given["teacher"]["rare"] = 8 * given["labels"]["rare"] - 4
    tables = made(tmp_path, given).doctor()["findings"]["remedy"]
    asked = inficond_panel.from_frames(**shared()).fit().doctor()["findings"]["remedy"]
    assert len(tables) >= 4
    for remedy in (*tables, *asked):
        assert not any(word in remedy for word in _OF_PHOTOS), remedy


def test_remedies_in_python_name_methods(tmp_path):
    students = inficond_panel.from_frames(**shared(), path=tmp_path / "own.zarr").fit()
    findings = students.doctor()["findings"]
    remedies = findings.loc[findings["kind"] == "shared by all rows", "remedy"]
    assert remedies.str.contains("students.belongs(class_name, thing)", regex=False).all()
    assert len(remedies)


def test_remedies_in_a_terminal_name_commands(tmp_path):
    students = inficond_panel.from_frames(**shared(), path=tmp_path / "own.zarr").fit()
    findings = doctor(students.tuner, students.node)["findings"]
    remedies = findings.loc[findings["kind"] == "shared by all images", "remedy"]
    assert remedies.str.contains("inficond history belongs").all()
    assert len(remedies)


def test_what_cannot_be_told_comes_after_what_is_found(tmp_path):
    given, _ = frames()
    given["labels"]["rare"] = (np.arange(1500) % 500 < 1).astype(float)
    given["teacher"]["rare"] = 8 * given["labels"]["rare"] - 4
    kinds = list(made(tmp_path, given).doctor()["findings"]["kind"])
    assert kinds.index("too few rows") > kinds.index("nearly equal")


def test_where_nothing_is_wrong_the_first_line_says_so(tmp_path):
    given, _ = frames()
    given["scores"] = given["scores"].drop(columns=["street", "nothing"])
    given["teacher"] = given["teacher"][["bird"]]
    given["labels"] = given["labels"][["bird"]] * 0
    given["labels"].iloc[::300] = 1
    found = made(tmp_path, given).doctor()
    assert list(found["findings"]["kind"]) == ["too few rows"]
    assert "no problem was found" in str(found).splitlines()[0]
