"""A repair that tuning images chose is shown with the gain to expect on other images."""

from types import SimpleNamespace

import pytest
from factory import small_spec

from inficond_panel.export.model_card import model_card
from inficond_panel.results.comparison import compare, comparison_frames
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.tuning.suggest.suggestion import MEASURED, recorded_gain

pytestmark = pytest.mark.page
CHOSE = "The tuning images chose this repair, so its gain on them is likely too large."


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    return open_tuner(small_spec(tmp_path_factory.mktemp("expected"), images=400))


class Proposed(Suggestion):
    """A suggestion to choose the λ of one class, with a gain that is stated by hand."""

    intents = (Lambda("bicycle"),)
    gain = SimpleNamespace(text=lambda *_, **__: "+3.3 AP points [−4.0, +11.2]")


def test_a_gain_that_the_note_records_is_read_again():
    noted = f"By a machine (repair): expected gain in AP +0.033 [−0.040, +0.112], {MEASURED}."
    assert recorded_gain(SimpleNamespace(note=noted)) == "AP +0.033 [−0.040, +0.112]"
    assert recorded_gain(SimpleNamespace(note="expected gain in the next talk")) == ""


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


def test_compare_states_the_gain_that_suggest_recorded(tuner):
    root = tuner.root()
    node = tuner.fine_tune(root, [Lambda("sheep")])
    tuner.set_note(node.id, f"expected gain in AP +0.033 [−0.040, +0.112], {MEASURED}.")
    told = compare(tuner, root, tuner.node(node.id)).chosen
    assert told == (f"#{node.number}: Expected on other images: AP +0.033 [−0.040, +0.112].",)
    tuner.set_note(node.id, "")


def test_the_notice_after_a_refit_states_the_gain_of_its_suggestion(tuner):
    app = AppState(tuner, Jobs(inline=True))
    app.tuning.jump(tuner.root_id)
    app.tuning.propose(Proposed(0, tuner.root_id, 100, 0.95))
    app.tuning.fine_tune()
    expected = "Expected on other images: +3.3 AP points [−4.0, +11.2]."
    assert app.tuning.notice.text.endswith(expected)
    app.tuning.jump(tuner.root_id)
    app.tuning.toggle(Lambda("sheep"))
    app.tuning.fine_tune()
    assert app.tuning.notice.text.endswith(CHOSE)
