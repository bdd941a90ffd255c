"""Kinds of things that the student of a class may rely on."""

from __future__ import annotations

#: Another class by its labels, a column's value, a property of the pictures, a concept.
CLASS, COLUMN, PICTURE, CONCEPT = "class", "column", "picture", "concept"
#: What sentences call the images of a table.
ROWS = "rows"
#: Most values of a column of metadata that is taken as groups of photos.
MOST_VALUES = 12
#: Words for the kinds in the order in which a name is looked for.
THINGS = {
    CLASS: "another class",
    COLUMN: "a value of a column of metadata",
    PICTURE: "a property of the images",
    CONCEPT: "a concept",
}


def shown_words(concept: str, high: bool) -> str:
    """Return what an image shows: ``ball``; ``a high lactate`` in a row of a table, if the concept
    is a number (``Store.numeric``), which is ``high`` or not."""
    return f"a high {concept}" if high else concept


def images_of(things: str) -> str:
    """Return what a sentence on numbers calls the ``things`` of a store: photos are images."""
    return "images" if things == "photos" else things
