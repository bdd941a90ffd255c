"""A student whose fidelity is not clearly above that of one answer for all images is named."""

import re

import numpy as np
import pytest
from factory import small_spec
from scipy.stats import binomtest

from inficond_panel.export.model_card import model_card
from inficond_panel.results.doctor import doctor
from inficond_panel.results.image_sets import image_set
from inficond_panel.results.metrics import like_constant
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.views.detail.view import DetailView
from inficond_panel.wording.metrics import constant_sentence

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    return open_tuner(small_spec(tmp_path_factory.mktemp("constant"), images=400))


@pytest.fixture(scope="module")
def emptied(tuner):
    """An iteration whose penalty leaves the student of bicycle without a concept."""
    return tuner.fine_tune(tuner.root(), [Lambda("bicycle", 5.0)])


def by_scipy(tuner, node, name):
    """Whether Wilson's lower limit of the share of equal decisions is at most the larger share."""
    student = tuner.at(node, "tune")[name]
    teacher = tuner.store.teacher_log_odds[tuner.store.rows("tune"), student.column] > 0
    alike = (student.logits > 0) == teacher
    limits = binomtest(int(alike.sum()), len(alike)).proportion_ci(method="wilson")
    return limits.low <= max(np.mean(teacher), 1 - np.mean(teacher))


def test_it_is_wilsons_limit_against_the_larger_share(tuner, emptied):
    for node in (tuner.root(), emptied):
        for name in tuner.store.classes:
            found = like_constant(tuner.at(node, "tune")[name], 0.95)
            assert found is bool(by_scipy(tuner, node, name))
    assert by_scipy(tuner, emptied, "bicycle")
    assert not by_scipy(tuner, tuner.root(), "bicycle")


@pytest.mark.parametrize("empty", [False, True])
def test_doctor_card_and_detail_say_so_of_the_class_alone(tuner, emptied, empty):
    node, told = emptied if empty else tuner.root(), constant_sentence(["bicycle"])
    assert told == (
        "bicycle: the fidelity is not clearly above that of one answer for all images, so do not "
        "read its influences as the teacher's reasons."
    )
    assert (told in doctor(tuner, node)["findings"].attrs["notes"]) is empty
    assert (f"On tune: {told}" in model_card(tuner, node)["limits"]) is empty
    app = AppState(tuner, Jobs(inline=True))
    app.tuning.jump(node.id)
    view = DetailView(app)
    for name in tuner.store.classes:
        app.selection.param.update(class_name=name, concept=tuner.store.concepts[0])
        assert ("not clearly above" in view.panel.listed) is (empty and name == "bicycle")


def test_it_is_a_sentence_of_its_own_below_picked_images(tuner, emptied):
    app = AppState(tuner, Jobs(inline=True))
    app.tuning.jump(emptied.id)
    view, student = DetailView(app), app.students.student("bicycle")
    app.selection.open_images(image_set(student, "all", student.rows))
    assert re.search(r"teacher [01]\.\d{3}\. bicycle: the fidelity", view.panel.listed)
