"""A repair that tuning images chose is shown with the gain to expect on other images."""

from math import nan
from types import SimpleNamespace

import pytest
from factory import small_spec

from inficond_panel.export.model_card import model_card
from inficond_panel.results.comparison import compare, comparison_frames
from inficond_panel.results.history import iterations
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.tuning.suggest.expected import ExpectedGain, expected_gain
from inficond_panel.tuning.suggest.gain import Gain
from inficond_panel.views.provenance.iterations import make_card

pytestmark = pytest.mark.page
CHOSE = "The tuning images chose this repair, so its gain on them is likely too large."


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    return open_tuner(small_spec(tmp_path_factory.mktemp("expected"), images=400))


GAIN = Gain(0.033, -0.040, 0.112)
EXPECTED = "Expected on other images: +3.3 AP points [−4.0, +11.2]."


class Proposed(Suggestion):
    """A suggestion to choose the λ of one class, with a gain that is stated by hand."""

    intents = (Lambda("bicycle"),)
    gain = GAIN


@pytest.mark.parametrize("gain", [GAIN, Gain(0.2, nan, nan, level=0.9)])
@pytest.mark.parametrize("by", ["", "hôpital"])
def test_a_recorded_gain_is_read_as_it_was_written(gain, by):
    written = ExpectedGain(gain, 3, by)
    read = expected_gain(SimpleNamespace(expected=written.text))
    assert repr(read) == repr(written)  # nan is not equal to nan


def test_compare_and_card_say_that_the_images_chose_the_repair(tuner):
    root = tuner.root()
    node = tuner.fine_tune(root, [Lambda("bicycle")])
    found = compare(tuner, root, node)
    assert found.chosen == (f"#{node.number}: {CHOSE}",)
    assert found.chosen[0] in comparison_frames(tuner, found)["changes"].attrs["notes"]
    assert compare(tuner, root, node, "holdout").chosen == ()
    assert f"#{node.number}: {CHOSE}" in model_card(tuner, node)["limits"]
    fixed = tuner.fine_tune(root, [Lambda("bicycle", 0.01)])
    assert compare(tuner, root, fixed).chosen == ()


WORDS = "+3.3 AP points [−4.0, +11.2], mean of 2 classes"


@pytest.fixture(scope="module")
def recorded(tuner):
    """An iteration that keeps the gain that a suggestion expects."""
    node = tuner.fine_tune(tuner.root(), [Lambda("bird")])
    tuner.set_expected(node.id, ExpectedGain(GAIN, 2).text)
    return tuner.node(node.id)


def test_a_comparison_states_the_gain_that_is_recorded(tuner, recorded):
    told = compare(tuner, tuner.root(), recorded).chosen
    assert told == (f"#{recorded.number}: Expected on other images: {WORDS}.",)


def test_the_list_of_iterations_states_the_gain_that_is_recorded(tuner, recorded):
    assert iterations(tuner).loc[recorded.number, "expected"] == WORDS


def test_the_notice_after_a_refit_states_the_gain_of_its_suggestion(tuner):
    app = AppState(tuner, Jobs(inline=True))
    app.tuning.jump(tuner.root_id)
    app.tuning.propose(Proposed(0, tuner.root_id, 100, 0.95, {"bicycle": None}))
    app.tuning.fine_tune()
    assert app.tuning.notice.text.endswith(EXPECTED)
    assert compare(tuner, tuner.root(), app.tuning.head).chosen[0].endswith(EXPECTED)
    made = next(node for node in app.tuning.nodes if node.id == app.tuning.head.id)
    assert ("Expected on other images", EXPECTED[26:-1]) in make_card(made, 0, 0)["facts"]
    app.tuning.jump(tuner.root_id)
    app.tuning.toggle(Lambda("sheep"))
    app.tuning.fine_tune()
    assert app.tuning.notice.text.endswith(CHOSE)
