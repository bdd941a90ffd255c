"""Settings of scenes: their ground, the places for things, and the probability of each class."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One kind of surroundings, such as a street.

    ground: bands of material from the horizon (0) to the lower edge (1): (material, from, to).
    places: where things can be: place -> (nearest to the horizon, farthest from it), in the same
    unit; sky, walls, tables and shelves are added for every setting that has them.
    classes: probability of each class in a scene. far: what can be painted along the horizon.
    horizon: kinds of things that can stand at the horizon ("town", "country"). walls: the kinds of
    wall of a room.
    """

    caption: str
    weight: float
    ground: tuple[tuple[str, float, float], ...]
    places: dict[str, tuple[float, float]]
    classes: dict[str, float]
    far: tuple[str, ...] = ()
    horizon: tuple[str, ...] = ()
    walls: tuple[str, ...] = ()

    @property
    def indoors(self) -> bool:
        """True if the setting has walls instead of a sky."""
        return bool(self.walls)


_WALLS = ("wall", "brick wall", "striped wallpaper")

SCENE_SETTINGS = {
    "street": Setting(
        "a street",
        2.6,
        (("pavement", 0, 0.2), ("road", 0.2, 0.76), ("pavement", 0.76, 1)),
        {"pavement": (0.8, 0.97), "road": (0.3, 0.7)},
        {
            "bicycle": 0.45, "bus": 0.6, "car": 0.4, "person": 0.35, "dog": 0.3, "bird": 0.2,
            "cat": 0.2, "potted plant": 0.2, "horse": 0.15,
        },
        ("skyline",),
        ("town",),
    ),
    "park": Setting(
        "a park",
        2,
        (("grass", 0, 1),),
        {"grass": (0.12, 0.97)},
        {
            "bicycle": 0.45, "dog": 0.4, "person": 0.3, "bird": 0.3, "cat": 0.2, "horse": 0.25,
            "chair": 0.2, "bottle": 0.2, "sheep": 0.25, "airplane": 0.2,
        },
        ("hill", "skyline"),
        ("town", "country"),
    ),
    "lake": Setting(
        "a lake",
        1.8,
        (("water", 0, 0.6), ("grass", 0.6, 1)),
        {"water": (0.12, 0.52), "grass": (0.72, 0.97)},
        {"boat": 0.6, "airplane": 0.2, "bird": 0.4, "sheep": 0.4, "dog": 0.3, "person": 0.25,
         "horse": 0.25},
        ("hill",),
        ("country",),
    ),
    "harbour": Setting(
        "a harbour",
        2,
        (("water", 0, 0.55), ("quay", 0.55, 1)),
        {"water": (0.1, 0.48), "quay": (0.68, 0.97)},
        {
            "boat": 0.6, "bus": 0.25, "bicycle": 0.4, "bird": 0.3, "person": 0.3, "dog": 0.25,
            "car": 0.2, "cat": 0.25, "potted plant": 0.15,
        },
        ("skyline", "hill"),
        ("town",),
    ),
    "beach": Setting(
        "a beach",
        1.8,
        (("water", 0, 0.4), ("sand", 0.4, 1)),
        {"water": (0.1, 0.34), "sand": (0.52, 0.97)},
        {
            "boat": 0.55, "chair": 0.3, "person": 0.35, "dog": 0.35, "bottle": 0.25, "bird": 0.25,
            "horse": 0.2, "airplane": 0.25,
        },
        ("hill",),
        ("country",),
    ),
    "station": Setting(
        "a station",
        1.8,
        (("gravel", 0, 0.5), ("platform", 0.5, 1)),
        {"rail": (0.36, 0.36), "platform": (0.62, 0.97)},
        {"train": 0.75, "bicycle": 0.4, "person": 0.35, "chair": 0.3, "potted plant": 0.3},
        ("skyline", "hill"),
        ("town",),
    ),
    "airfield": Setting(
        "an airfield",
        1.3,
        (("grass", 0, 0.22), ("runway", 0.22, 1)),
        {"runway": (0.35, 0.97)},
        {"airplane": 0.75, "bus": 0.5, "car": 0.35},
        ("hill", "skyline"),
        ("town", "country"),
    ),
    "farm": Setting(
        "a farm",
        1.8,
        (("field", 0, 1),),
        {"field": (0.2, 0.97), "rail": (0.12, 0.12)},
        {
            "sheep": 0.55, "horse": 0.5, "dog": 0.3, "bird": 0.3, "car": 0.2, "person": 0.2,
            "cat": 0.2, "train": 0.3, "airplane": 0.2,
        },
        ("hill",),
        ("country",),
    ),
    "snow": Setting(
        "a snowy land",
        1,
        (("snow", 0, 1),),
        {"snow": (0.2, 0.97), "rail": (0.12, 0.12)},
        {"sheep": 0.45, "dog": 0.35, "train": 0.5, "person": 0.3, "car": 0.25, "airplane": 0.25,
         "bird": 0.2},
        ("hill",),
        ("country",),
    ),
    "desert": Setting(
        "a desert",
        1,
        (("desert", 0, 1),),
        {"desert": (0.2, 0.97), "rail": (0.12, 0.12)},
        {"horse": 0.45, "car": 0.35, "train": 0.4, "person": 0.25, "airplane": 0.3, "sheep": 0.3},
        ("hill",),
        ("country",),
    ),
    "living room": Setting(
        "a living room",
        2,
        (("wooden floor", 0, 1),),
        {"floor": (0.2, 0.96)},
        {"tv monitor": 0.42, "chair": 0.35, "cat": 0.35, "dog": 0.3, "potted plant": 0.4,
         "bottle": 0.3, "person": 0.2},
        walls=_WALLS,
    ),
    "bedroom": Setting(
        "a bedroom",
        1.4,
        (("carpet", 0, 1),),
        {"floor": (0.2, 0.96)},
        {"tv monitor": 0.42, "cat": 0.4, "chair": 0.3, "dog": 0.25, "potted plant": 0.35,
         "bottle": 0.25},
        walls=_WALLS,
    ),
    "office": Setting(
        "an office",
        1.6,
        (("carpet", 0, 1),),
        {"floor": (0.2, 0.96)},
        {"tv monitor": 0.42, "chair": 0.45, "potted plant": 0.4, "person": 0.3, "bottle": 0.25},
        walls=_WALLS,
    ),
    "kitchen": Setting(
        "a kitchen",
        1.6,
        (("tiled floor", 0, 1),),
        {"floor": (0.2, 0.96)},
        {"tv monitor": 0.4, "bottle": 0.5, "chair": 0.4, "cat": 0.3, "potted plant": 0.3,
         "dog": 0.2},
        walls=("tiled wall", "wall"),
    ),
    "bathroom": Setting(
        "a bathroom",
        0.7,
        (("tiled floor", 0, 1),),
        {"tiles": (0.2, 0.96)},
        {"bottle": 0.5, "potted plant": 0.4, "chair": 0.25},
        walls=("tiled wall",),
    ),
}  # fmt: skip
