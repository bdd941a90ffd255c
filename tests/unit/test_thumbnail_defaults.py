"""Stores from frames and stores from photos have thumbnails of the same size."""

from inficond_panel.spec.sections.concepts import Thumbnails
from inficond_panel.store import frames


def test_stores_from_frames_have_the_side_of_a_spec():
    assert Thumbnails.model_fields["size"].default == frames._SIDE


def test_stores_from_frames_have_the_jpeg_quality_of_a_spec():
    assert Thumbnails.model_fields["quality"].default == frames._QUALITY
