"""Catalogue of the things that a scene can contain (things.csv), and names of the concepts."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Thing:
    """One kind of object that scenes contain.

    name: its concept. label: its class. also: a more general concept ("" for none). size: long side
    in the foreground, as a share of the image's height. places: where it can stand or hang. art:
    Twemoji codes of its variants. hue: True if its colour varies. pole: height of the pole that it
    is mounted on, as a share of the image's height.
    """

    name: str
    label: str
    also: str
    size: float
    places: tuple[str, ...]
    art: tuple[str, ...]
    hue: bool
    pole: float

    @property
    def words(self) -> tuple[str, ...]:
        """Concepts that the thing shows: its name, its class, the more general concept."""
        return tuple(word for word in (self.name, self.label, self.also) if word)


def _thing(row: dict[str, str]) -> Thing:
    return Thing(
        name=row["name"],
        label=row["label"],
        also=row["also"],
        size=float(row["size"]),
        places=tuple(row["places"].split()),
        art=tuple(row["art"].split()),
        hue=row["hue"] == "1",
        pole=float(row["pole"] or 0),
    )


@cache
def catalogue() -> dict[str, Thing]:
    """Return all things by name, in the order of things.csv."""
    text = files("precompute.recipes.scenes").joinpath("things.csv").read_text("utf-8")
    return {row["name"]: _thing(row) for row in csv.DictReader(text.splitlines())}


CLASSES = tuple(sorted({thing.label for thing in catalogue().values()} - {""}))

# Concepts of painted parts: backdrops and furniture (backdrop.py, fittings.py).
STUFF = (
    "sky", "sunset sky", "night sky", "hill", "skyline",
    "grass", "road", "pavement", "path", "water", "sand", "snow", "desert", "quay",
    "platform", "railway track", "runway", "field",
    "wall", "brick wall", "striped wallpaper", "tiled wall",
    "wooden floor", "carpet", "tiled floor",
    "table", "shelf", "rug", "curtain", "fence", "bush", "street lamp", "bench",
)  # fmt: skip


@cache
def concept_names() -> tuple[str, ...]:
    """Return the sorted names of all concepts: words for things and classes, painted parts."""
    words = {word for thing in catalogue().values() for word in thing.words}
    return tuple(sorted(words | set(STUFF)))
