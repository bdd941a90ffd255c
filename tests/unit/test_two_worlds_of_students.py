"""Two worlds of students: which concepts are meant, whose presence and judgement, words, frame."""

import numpy as np
import pytest
from factory import small_arrays, unlabelled_arrays
from sklearn.metrics import average_precision_score
from sklearn.preprocessing import StandardScaler
from tuners import tuner_of

from inficond_panel.errors import TuningError
from inficond_panel.results.two_worlds import two_worlds
from inficond_panel.tuning.thumbs import GroupIntent, Intent
from inficond_panel.tuning.two_worlds import correlated_concepts, joint_presence, worlds_of
from inficond_panel.wording.two_worlds import world_sentences

IMAGES = 600
SPLITS = ("fit", "tune")


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    """The classes are bicycle, tv monitor, sheep and bird; one concept is named sheep, one
    bicycle."""
    arrays = small_arrays(images=IMAGES)
    arrays["concept"][28:30] = "sheep", "bicycle"
    return tuner_of(arrays, tmp_path_factory.mktemp("worlds"))


def intents(*thumbs, class_name="bicycle"):
    return [Intent(class_name, concept, direction) for concept, direction in thumbs]


@pytest.mark.parametrize(
    ("thumbs", "concepts"),
    [
        ([("sky", "remove")], ("sky",)),
        ([("sky", "down"), ("cloud", "remove")], ("cloud", "sky")),
        ([("bicycle", "up"), ("sky", "remove")], ("sky",)),
        ([("wheel", "up"), ("sky", "down")], ("sky",)),
        ([("wheel", "up")], ("wheel",)),
        ([("wheel", "release")], ("wheel",)),
        ([("bicycle", "up")], ()),
        ([("bicycle", "remove")], ()),
    ],
)
def test_the_correlation_meant_is_that_of_the_lowered_concepts(tuner, thumbs, concepts):
    assert correlated_concepts(intents(*thumbs), tuner.store) == concepts


def tuned(tuner, *thumbs, class_name="bicycle"):
    return tuner.preview(tuner.root(), intents(*thumbs, class_name=class_name))


def tune_scores(tuner, concept):
    return tuner.at(tuner.root(), "tune")["bicycle"].score(concept)


def threshold_of(scores):
    """Otsu's threshold: the least variance within both groups."""
    ranked = np.sort(np.asarray(scores, dtype=float))
    cuts = range(1, len(ranked))
    within = [ranked[:cut].var() * cut + ranked[cut:].var() * (len(ranked) - cut) for cut in cuts]
    best = 1 + int(np.argmin(within))
    return (ranked[best - 1] + ranked[best]) / 2


def test_an_image_shows_a_concept_whose_score_is_above_otsus_threshold(tuner):
    store, c = tuner.store, tuner.store.concepts.index("sky")
    threshold = threshold_of(store.concept_score[store.rows("fit"), c])
    shows = joint_presence(tuner.at(tuner.root(), "tune")["bicycle"], ["sky"])
    assert shows.tolist() == (tune_scores(tuner, "sky") > threshold).astype(int).tolist()


def test_an_image_shows_several_concepts_if_it_shows_any(tuner):
    student = tuner.at(tuner.root(), "tune")["bicycle"]
    each = [joint_presence(student, [concept]) for concept in ("sky", "grass")]
    both = joint_presence(student, ["sky", "grass"])
    assert both.tolist() == np.maximum(*each).tolist()


def test_a_concept_that_names_another_class_is_shown_where_that_class_is_labelled(tuner):
    store = tuner.store
    label = store.label[store.rows("tune"), store.classes.index("sheep")]
    student = tuner.at(tuner.root(), "tune")["bicycle"]
    assert joint_presence(student, ["sheep"]).tolist() == np.asarray(label).tolist()


@pytest.fixture(scope="module")
def alike(tmp_path_factory):
    """As ``tuner``, but sky 2 and sky 3 look like sky, and leaf like sheep."""
    arrays, rng = small_arrays(images=IMAGES), np.random.default_rng(1)
    arrays["concept"][28:30] = "sheep", "bicycle"
    names, score = arrays["concept"].tolist(), arrays["concept_score"]
    for name, other in (("sky 2", "sky"), ("sky 3", "sky"), ("leaf", "sheep")):
        original = score[:, names.index(other)]
        noise = rng.normal(0, original.std() / 3, len(score))
        score[:, names.index(name)] = np.maximum(3 * original + noise, 0)  # at another scale
    return tuner_of(arrays, tmp_path_factory.mktemp("alike"))


def test_look_alikes_are_one_thing_by_the_mean_of_their_standardised_scores(alike):
    names = ["sky", "sky 2", "sky 3"]
    store = alike.store
    at = [store.concepts.index(name) for name in names]
    fit, tune = (np.asarray(store.concept_score)[store.rows(split)][:, at] for split in SPLITS)
    mean = StandardScaler().fit(fit)
    threshold = threshold_of(mean.transform(fit).mean(axis=1))
    expected = mean.transform(tune).mean(axis=1) > threshold
    shows = joint_presence(alike.at(alike.root(), "tune")["bicycle"], names)
    assert shows.tolist() == expected.astype(int).tolist()


def test_a_label_of_one_look_alike_decides_for_all(alike):
    student = alike.at(alike.root(), "tune")["bicycle"]
    label = alike.store.label[alike.store.rows("tune"), alike.store.classes.index("sheep")]
    assert joint_presence(student, ["leaf", "sheep"]).tolist() == np.asarray(label).tolist()


def test_a_label_does_not_decide_for_what_looks_otherwise(alike):
    student = alike.at(alike.root(), "tune")["bicycle"]
    sheep, sky = (joint_presence(student, [concept]) for concept in ("sheep", "sky"))
    assert (
        joint_presence(student, ["sheep", "sky"])[sheep == 0].tolist() == sky[sheep == 0].tolist()
    )


def test_ap_of_the_second_world_is_that_of_weights_by_hand(tuner):
    node = tuned(tuner, ("sky", "remove"))
    student = tuner.at(node, "tune")["bicycle"]
    shows = joint_presence(student, ["sky"]) == 1
    known = student.labels >= 0
    label, shows, logits = student.labels[known] == 1, shows[known], student.logits[known]
    weight = np.zeros(len(label))
    for y in (True, False):
        for a in (True, False):
            group = (label == y) & (shows == a)
            weight[group] = (label == y).mean() * (shows == a).mean() / group.mean()
    expected = average_precision_score(label, logits, sample_weight=weight)
    row = two_worlds(tuner, node).loc[("bicycle", "independent", "ap")]
    assert row["after"] == pytest.approx(expected)


def test_the_first_world_has_the_metrics_of_the_tuning_images(tuner):
    node = tuned(tuner, ("sky", "remove"))
    row = two_worlds(tuner, node).loc[("bicycle", "these", "recall")]
    sides = [tuner.metrics(each, "tune")["bicycle"].recall for each in (tuner.root(), node)]
    assert [row["before"], row["after"]] == pytest.approx(sides)


def test_a_raised_word_of_the_class_alone_has_only_the_first_world(tuner):
    frame = two_worlds(tuner, tuned(tuner, ("bicycle", "up")))
    assert set(frame.index.get_level_values("world")) == {"these"}


def test_the_frame_has_the_classes_with_thumbs(tuner):
    batch = [*intents(("sky", "remove")), GroupIntent("bird", ("grass", "leaf"), "down")]
    frame = two_worlds(tuner, tuner.preview(tuner.root(), batch))
    assert set(frame.index.get_level_values("class")) == {"bicycle", "bird"}


def test_a_stored_iteration_has_the_figures_of_its_preview(tuner):
    batch = intents(("cloud", "remove"))
    frames = [
        two_worlds(tuner, make(tuner.root(), batch)) for make in (tuner.preview, tuner.fine_tune)
    ]
    assert frames[0].equals(frames[1])


def test_the_original_students_are_compared_with_themselves(tuner):
    made = worlds_of(tuner, tuner.root(), "bicycle")
    assert {figure.change.estimate for figure in made.figures} == {0.0}


def test_the_original_students_have_no_worlds(tuner):
    with pytest.raises(TuningError, match="original students"):
        two_worlds(tuner, tuner.root())


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    return tuner_of(unlabelled_arrays(images=IMAGES), tmp_path_factory.mktemp("unlabelled"))


def test_without_labels_the_teachers_decisions_are_the_measure(unlabelled):
    node = tuned(unlabelled, ("sky", "remove"))
    student = unlabelled.at(node, "tune")["bicycle"]
    row = two_worlds(unlabelled, node).loc[("bicycle", "these", "ap")]
    expected = average_precision_score(student.teacher_decided, student.logits)
    assert row["after"] == pytest.approx(expected)


def test_a_sentence_says_that_the_teacher_judges(unlabelled):
    worlds = worlds_of(unlabelled, tuned(unlabelled, ("sky", "remove")), "bicycle")
    assert "teacher's decisions" in world_sentences(worlds)["these"]
