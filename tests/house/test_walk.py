"""What ``walk.py`` counts, on walks that are short enough to be followed by hand."""

import pytest
from walk import Place, Walk, place_of, walk


def through(*modules):
    return Walk([Place(f"inficond_panel.{module}", "", "f", "x") for module in modules])


def test_functions_of_one_file_in_a_row_are_one_stay():
    assert through("errors", "errors", "predict").stays == [
        "inficond_panel.errors",
        "inficond_panel.predict",
    ]


def test_rooms_are_folders():
    assert through("errors", "predict", "common.names", "common.cache").rooms == 2


@pytest.mark.parametrize(
    ("modules", "returns"),
    [
        (("errors", "predict"), 0),
        (("errors", "predict", "errors"), 1),
        (("errors", "predict", "errors", "predict", "errors"), 3),
    ],
)
def test_a_file_that_was_left_is_returned_to(modules, returns):
    assert through(*modules).returns == returns


def test_a_value_that_no_function_of_ours_gets_stays_where_it_is():
    made = walk(place_of("inficond_panel/tuning/repairs/packed_weights.py:packed:weights"))
    assert [each.name for each in made.places] == ["packed"]


def test_a_value_is_followed_through_an_argument():
    made = walk(place_of("inficond_panel/tuning/repairs/kinds.py:terms_of:items"))
    assert ("", "terms_from_json") in {(each.owner, each.name) for each in made.places}


def test_a_value_is_followed_into_a_method_of_its_own():
    made = walk(place_of("inficond_panel/tuning/repairs/labelled.py:_known:evidence"))
    assert ("labels", "self") in {(each.name, each.parameter) for each in made.places}


def test_a_method_that_lists_have_is_not_followed_by_its_name():
    made = walk(place_of("inficond_panel/tuning/replay.py:branch:tuner"))
    assert "append" not in {each.name for each in made.places}
