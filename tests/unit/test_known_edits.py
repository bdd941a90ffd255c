"""Which edits of another session a store can have: their names, and thumbs on a class's word."""

import pytest
from worded import worded_store

from inficond_panel.tuning import Intent
from inficond_panel.tuning.edits import is_known
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.reweight import Reweight


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Its class 'bicycle' has a word, which is no concept of the students."""
    return worded_store(tmp_path_factory.mktemp("words") / "own.zarr")


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (Intent("bicycle", "wheel", "remove"), True),
        (Intent("tram", "wheel", "remove"), False),
        (Intent("bicycle", "anchor", "remove"), False),
        (Label("bicycle", "000001", 1), True),
        (Label("bicycle", "none.jpg", 1), False),
        (Reweight("bicycle", ("wheel", "anchor")), False),
    ],
    ids=["known", "class", "concept", "image", "other image", "second concept"],
)
def test_an_edit_is_known_if_the_store_has_all_its_names(store, edit, expected):
    assert is_known(edit, store, "target") is expected


@pytest.mark.parametrize(
    ("thumb", "refit", "expected"),
    [
        (Intent("bicycle", "bicycle", "up"), "target", True),
        (Intent("bicycle", "bicycle", "up"), "all", False),
        (Intent("bicycle", "bicycle", "remove"), "target", False),
        (Intent("bicycle", "sheep", "up"), "target", False),
    ],
    ids=["targets", "bounds", "removed", "word of another class"],
)
def test_a_thumb_on_the_own_word_is_known_if_it_adjusts_targets(store, thumb, refit, expected):
    assert is_known(thumb, store, refit) is expected
