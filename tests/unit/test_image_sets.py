"""Images that are picked out by what is decided on them or tagged, and the gallery of them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from factory import small_spec
from frames import joint_spec
from sklearn.metrics import average_precision_score

from inficond_panel.errors import TuningError
from inficond_panel.results.gallery import take_picked
from inficond_panel.results.image_sets import decided_images, image_set
from inficond_panel.results.top_measures import STUDENT, TEACHER, find_confused
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Jobs
from inficond_panel.tuning import open_tuner
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.matrix.view import MatrixView
from inficond_panel.views.performance.view import PerformanceView


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    return open_tuner(small_spec(tmp_path_factory.mktemp("small")), history=":memory:")


@pytest.fixture
def own(tmp_path):
    return open_tuner(small_spec(tmp_path), history=":memory:")


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    return open_tuner(joint_spec(tmp_path_factory.mktemp("single"), images=400), history=":memory:")


@pytest.fixture
def app(tuner):
    return AppState(tuner, Jobs(inline=True))


def test_the_four_parts_of_a_side_are_all_of_it_and_right_by_the_label(tuner):
    student = tuner.at(tuner.root(), "tune")["bicycle"]
    for side, label in (("positives", 1), ("negatives", 0)):
        parts = [
            decided_images(student, side, teacher_right=t, student_right=s)
            for t in (True, False)
            for s in (True, False)
        ]
        whole = np.concatenate(parts)
        assert len(set(whole)) == len(whole)
        expected = student.rows[student.labels == label]
        assert sorted(whole) == expected.tolist()
        right = decided_images(student, side, student_right=True)
        logits = tuner.logits(tuner.root())[right, student.column]
        assert ((logits > student.cutoff) == bool(label)).all()
        worst_first = logits if label else -logits
        assert (np.diff(worst_first) >= 0).all()


def test_the_summary_of_picked_images_counts_decisions_and_ranks_them(tuner):
    student = tuner.at(tuner.root(), "tune")["bicycle"]
    gallery = take_picked(student, image_set(student, "All", student.rows))
    known = student.labels >= 0
    label, logits, teacher = (
        each[known] for each in (student.labels, student.logits, student.teacher_logits)
    )
    right, by_teacher = (
        int((each == (label == 1)).sum()) for each in (student.decided[known], teacher > 0)
    )
    ap = [average_precision_score(label, each) for each in (logits, teacher)]
    assert gallery.summary() == (
        f"student right on {right}, teacher on {by_teacher} · "
        f"{(~known).sum()} without a label · AP {ap[0]:.3f}, teacher {ap[1]:.3f}"
    )
    one = take_picked(student, image_set(student, "One", student.rows[student.labels == 1][:1]))
    assert re.fullmatch(r"student right on [01], teacher on [01]", one.summary())


def test_a_part_of_a_bar_opens_its_images_until_a_concept_is_opened(app):
    performance, detail = PerformanceView(app), DetailView(app)
    app.selection.open_concept("wheel", "sheep")
    assert (detail.panel.concept, detail.panel.outlined) == ("wheel", "wheel")
    opened = {"action": "open_images", "name": "bicycle", "side": "positives"}
    performance.act({**opened, "fill": "student-wrong"})
    assert app.selection.class_name == "bicycle"
    assert detail.panel.picked == "bicycle, positives: teacher right, student wrong"
    row = next(row for row in performance.table.rows if row["name"] == "bicycle")
    assert len(detail.panel.gallery["rows"]) == row["positives"][1]
    assert detail.panel.outlined == ""
    app.selection.open_concept("wheel")
    assert (detail.panel.picked, detail.panel.outlined) == ("", "wheel")
    performance.act({**opened, "side": "negatives", "fill": ""})
    assert len(detail.panel.gallery["rows"]) == sum(row["negatives"])
    detail.act({"action": "leave_images"})
    assert detail.panel.picked == ""
    with pytest.raises(ValueError, match="unknown class, side or fill"):
        performance.act({**opened, "fill": "x"})


def test_a_patch_opens_its_photo_with_the_concept_outlined(app):
    knowledge, detail = KnowledgeView(app, MatrixView(app)), DetailView(app)
    app.selection.class_name = "bicycle"
    sent = []
    detail.panel._send_msg = sent.append
    row = knowledge.table.rows[0]
    segment = row["patches"][1]["segment"]
    knowledge.act({"action": "open_patch", "concept": row["concept"], "segment": segment})
    image = int(app.store.segment_image[segment])
    app.students.param.trigger("snapshot")  # all is shown anew
    assert sent == [{"enlarged": image}]
    assert image in detail.panel.gallery["rows"]
    assert detail.panel.outlined == row["concept"]
    shown = detail.panel.gallery["rows"]
    away = next(at for at, of in enumerate(app.store.segment_image) if of not in shown)
    with pytest.raises(ValueError, match="is no patch of"):
        knowledge.act({"action": "open_patch", "concept": row["concept"], "segment": away})


def test_confusions_count_labels_by_the_class_of_the_largest_probability(single):
    node, store = single.root(), single.store
    found = find_confused(single, node, "tune")
    rows = store.rows("tune")
    named = {
        STUDENT: single.logits(node)[rows].argmax(1),
        TEACHER: store.teacher_logit[rows].argmax(1),
    }
    label = store.label[rows].argmax(1)
    for who, classes in named.items():
        expected = np.zeros((3, 3), int)
        np.add.at(expected, (label, classes), 1)
        assert found.counts[who].tolist() == expected.tolist()
    pairs = found.wrong_cells(10)
    numbers = [found.counts[STUDENT][pair] for pair in pairs]
    assert numbers == sorted(numbers, reverse=True)
    assert all(i != j for i, j in pairs)
    first = pairs[0]
    taken = found.taken(*first, STUDENT)
    assert set(taken) == set(rows[(label == first[0]) & (named[STUDENT] == first[1])])


def test_a_confusion_opens_its_images(single):
    app = AppState(single, Jobs(inline=True))
    performance, detail = PerformanceView(app), DetailView(app)
    assert performance.table.classes == app.store.classes
    assert performance.table.confusions == {}
    performance.table.confused = True
    i, j, by_student, _ = performance.table.confusions["cells"][0]
    names = app.store.classes
    performance.act(
        {"action": "open_confused", "label": names[i], "named": names[j], "who": "student"}
    )
    assert len(detail.panel.gallery["rows"]) == by_student
    assert detail.panel.picked.startswith(f"{names[i]} taken for {names[j]} by the student")


@pytest.mark.parametrize("tag", ["", " \n", "x" * 41])
def test_a_tag_that_says_nothing_or_too_much_is_refused(own, tag):
    own.root()
    with pytest.raises(TuningError, match="cannot be tagged"):
        own.tag(own.store.images[:1], tag)
    with pytest.raises(TuningError, match="There is no image 'nowhere'"):
        own.tag(["nowhere"], "odd")
    assert own.tags() == {}


def test_the_page_tags_images_that_are_listed_and_lists_those_with_a_tag(own):
    app = AppState(own, Jobs(inline=True))
    detail = DetailView(app)
    panel, act = detail.panel, detail.act
    app.selection.open_concept("wheel", "bicycle")
    shown = panel.gallery["rows"]
    rows = shown[:2]
    away = next(row for row in range(len(own.store.images)) if row not in shown)
    act({"action": "tag", "rows": [*rows, away], "tag": "odd", "on": True})
    assert panel.tagged == {str(row): ["odd"] for row in rows}
    assert panel.known_tags == ["odd"]
    assert set(own.tags()) == {own.store.images[row] for row in rows}
    act({"action": "open_tagged", "tag": "odd"})
    assert (panel.picked, panel.gallery["rows"]) == ("Tagged odd", sorted(rows))
    act({"action": "tag", "rows": rows, "tag": "odd", "on": False})
    assert panel.tagged == {}
