"""Texts of concepts: which of them are words for a class itself."""

import pytest

from inficond_panel.concepts.texts import names_class, words_for


@pytest.mark.parametrize(
    ("text", "class_name"),
    [
        ("truck", "truck"),
        ("Trucks", "truck"),
        ("traffic light", "traffic_light"),
        ("table", "dining table"),
        ("table", "diningtable"),
        ("plant", "pottedplant"),
        ("TV", "flat tv"),
        ("monitor", "tv monitor"),
        ("glass", "wine glass"),
        ("buses", "buses"),
        ("car", "cars"),
    ],
)
def test_a_word_for_the_class(text, class_name):
    assert names_class(text, class_name)


@pytest.mark.parametrize(
    ("text", "class_name"),
    [
        ("car", "truck"),
        ("son", "person"),
        ("cat", "cattle"),
        ("dining", "dining table"),
        ("glas", "wine glass"),
        ("", "truck"),
        ("!", "?"),
        ("bus stop", "bus"),
    ],
)
def test_another_word(text, class_name):
    assert not names_class(text, class_name)


def test_synonyms_count():
    concepts = ["lorry", "wheel", "truck"]
    assert words_for("truck", concepts, {"lorry": ["big truck", "trucks"]}) == [0, 2]
    assert words_for("truck", concepts, {}) == [2]
