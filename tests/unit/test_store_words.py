"""Texts of concepts: which of them are words for a class itself."""

import pytest

from inficond_panel.concepts.texts import names_class, words_for

#: Texts by the class that they name, and by one that they do not name.
SAME = {
    "truck": ["truck", "Trucks"],
    "traffic_light": ["traffic light"],
    "dining table": ["table"],
    "diningtable": ["table"],
    "pottedplant": ["plant"],
    "flat tv": ["TV"],
    "tv monitor": ["monitor"],
    "wine glass": ["glass"],
    "buses": ["buses"],
    "cars": ["car"],
}
OTHER = {
    "truck": ["car", ""],
    "person": ["son"],
    "cattle": ["cat"],
    "dining table": ["dining"],
    "wine glass": ["glas"],
    "?": ["!"],
    "bus": ["bus stop"],
}


@pytest.mark.parametrize(("table", "same"), [(SAME, True), (OTHER, False)])
def test_which_texts_name_a_class(table, same):
    for class_name, texts in table.items():
        assert [names_class(text, class_name) for text in texts] == [same] * len(texts), class_name


def test_synonyms_count():
    concepts = ["lorry", "wheel", "truck"]
    assert words_for("truck", concepts, {"lorry": ["big truck", "trucks"]}) == [0, 2]
    assert words_for("truck", concepts, {}) == [2]
