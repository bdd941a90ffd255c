"""Tables in a notebook whose texts are whole."""

import pandas as pd
import pytest

from inficond_panel.api.shown_results import Frames

LONG = "dog relies on soccer ball: it is in 82 % of the dog photos it learned from"


@pytest.fixture
def frame() -> pd.DataFrame:
    made = pd.DataFrame({"class": ["dog"], "n": [3], "sentence": [LONG]}).set_index("class")
    made.attrs = {"title": "Findings", "notes": []}
    return made


def test_a_long_text_is_shown_whole(frame):
    assert LONG in Frames({"findings": frame})["findings"]._repr_html_()


def test_texts_are_at_the_left_and_numbers_are_not(frame):
    style = Frames({"findings": frame})["findings"]._repr_html_().partition("</style>")[0]
    assert ("nth-child(3)" in style, "nth-child(2)" in style) == (True, False)


def test_the_frame_keeps_its_attributes(frame):
    assert Frames({"findings": frame})["findings"].attrs["title"] == "Findings"


def test_rows_taken_from_it_are_a_plain_frame(frame):
    assert type(Frames({"findings": frame})["findings"].loc[["dog"]]) is pd.DataFrame
