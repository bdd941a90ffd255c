"""Properties of the pictures in an edits file: reweighting by them can be replayed."""

import numpy as np
import pytest
from factory import small_arrays
from tuners import tuner_of

from inficond_panel.errors import EditsError
from inficond_panel.store import open_store
from inficond_panel.store.write import add_arrays
from inficond_panel.tuning.edits_file import dump_edits, read_edits
from inficond_panel.tuning.repairs.reweight import Reweight
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES

EDITS = "- - {class: bicycle, direction: balance, concepts: [image brightness, sky]}\n"
REPAIR = Reweight("bicycle", ("image brightness", "sky"))


@pytest.fixture
def store(tmp_path):
    path = tuner_of(small_arrays(), tmp_path).store.path
    keys = np.array([each.key for each in PICTURE_PROPERTIES])
    values = np.random.default_rng(0).normal(size=(200, len(keys)))
    add_arrays(open_store(path), {"picture": keys, "picture_property": values}, {})
    return open_store(path)


def edits(tmp_path, text):
    path = tmp_path / "edits.yaml"
    path.write_text(text)
    return path


def test_a_property_is_read_like_a_concept(tmp_path, store):
    assert read_edits(edits(tmp_path, EDITS), store) == [[REPAIR]]


def test_what_is_written_is_read_again(tmp_path, store):
    assert read_edits(edits(tmp_path, dump_edits([[REPAIR]])), store) == [[REPAIR]]


def test_a_thumb_on_a_property_is_refused(tmp_path, store):
    thumb = "- - {class: bicycle, direction: remove, concept: image brightness}\n"
    with pytest.raises(EditsError, match="there is no concept 'image brightness' in the store"):
        read_edits(edits(tmp_path, thumb), store)


def test_a_store_without_properties_has_none(tmp_path):
    plain = tuner_of(small_arrays(), tmp_path).store
    with pytest.raises(EditsError, match="there is no concept 'image brightness' in the store"):
        read_edits(edits(tmp_path, EDITS), plain)
