"""The card of a class whose student uses a concept that became noisier."""

import pytest
from noisy import noisy_students

from inficond_panel.state import AppState, Jobs
from inficond_panel.ui import upstream
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    upstream.apply()
    students = noisy_students(tmp_path_factory.mktemp("noisy") / "own.zarr")
    app = AppState(students.tuner, Jobs(inline=True))
    app.shifts.start()
    return StartView(app).panel.cards


def test_the_card_names_the_noisier_column(cards):
    assert "uses assay, whose scores vary more in the tuning rows" in cards[0]["sentence"]


def test_it_offers_no_removal(cards):
    assert [card["removable"] for card in cards] == [False]
