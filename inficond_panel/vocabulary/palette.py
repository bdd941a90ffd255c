"""Colours by role: one record per role, with its value on a light and on a dark page.

CSS variables and the colours of canvases are generated from these records. Roles are separate even
if their colours are equal, so that a new colour for uptune does not change the focus.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Colour:
    """Colour of one role on a light and a dark page, as ``#rrggbb``; ``key`` names its CSS
    variable."""

    key: str
    light: str
    dark: str

    def of(self, dark: bool) -> str:
        """Return the colour on a dark page if ``dark``, else on a light page, as ``#rrggbb``."""
        return self.dark if dark else self.light

    @property
    def css(self) -> str:
        """CSS value that changes with the page's colour scheme: ``light-dark(...)``."""
        return f"light-dark({self.light}, {self.dark})"


_BLUE, _BLUE_INK = ("#2f6fde", "#6699f5"), ("#1f57b8", "#8fb5fa")
_BLUE_SOFT, _ON_BLUE = ("#dde8fb", "#22375c"), ("#ffffff", "#0d1420")
_ORANGE, _ORANGE_INK = ("#de7727", "#f09a55"), ("#99490c", "#f5b27c")
_ORANGE_SOFT, _ON_ORANGE = ("#fce8d8", "#4a3020"), ("#1a1208", "#1a1208")
_GREEN, _GRAY = ("#2a8f4f", "#4fb878"), ("#707a88", "#8f9aa8")
_BLACK = ("#1a1e24", "#e9ecf0")

# ground, text and lines
BACKGROUND = Colour("bg", "#eff1f4", "#0f1216")
SURFACE = Colour("surface", "#ffffff", "#191d23")
SUB = Colour("sub", "#f5f6f8", "#21262e")
HOVER = Colour("hov", "#eceff3", "#2a3039")
RAISED = Colour("raised", "#ffffff", "#3a434f")
POPOVER = Colour("popover", "#ffffff", "#262d37")
INK = Colour("ink", *_BLACK)
INK_2 = Colour("ink-2", "#4a5361", "#b6bec9")
INK_3 = Colour("ink-3", "#5f6875", "#9aa4b1")
LINE = Colour("line", "#e1e4e9", "#2b323b")
CONTROL = Colour("ctl", "#868f9c", "#6d7785")
TRACK = Colour("track", "#e0e4ea", "#333b46")
BAND = Colour("band", "#e3e7ee", "#2e3641")
CLOUD = Colour("cloud", "#7a869a", "#7a869a")  # segments on the map, drawn ever less transparent

# thumbs: the sign, text on soft ground, the soft ground, text on the colour itself
UPTUNE = Colour("uptune", *_BLUE)
UPTUNE_INK = Colour("uptune-ink", *_BLUE_INK)
UPTUNE_SOFT = Colour("uptune-soft", *_BLUE_SOFT)
ON_UPTUNE = Colour("on-uptune", *_ON_BLUE)
DOWNTUNE = Colour("downtune", *_ORANGE)
DOWNTUNE_INK = Colour("downtune-ink", *_ORANGE_INK)
DOWNTUNE_SOFT = Colour("downtune-soft", *_ORANGE_SOFT)
ON_DOWNTUNE = Colour("on-downtune", *_ON_ORANGE)
REMOVE = Colour("remove", *_BLACK)

# who decides an image rightly; where only one does, stripes over the soft colour
BOTH_RIGHT = Colour("both-right", *_BLUE)
TEACHER_RIGHT = Colour("teacher-right", *_BLUE)
TEACHER_RIGHT_SOFT = Colour("teacher-right-soft", *_BLUE_SOFT)
STUDENT_RIGHT = Colour("student-right", *_ORANGE)
STUDENT_RIGHT_SOFT = Colour("student-right-soft", *_ORANGE_SOFT)
BOTH_WRONG = Colour("both-wrong", *_ORANGE)

# what is chosen, where the keyboard is, what is being moved or shown
SELECTION = Colour("selection", "#e9eef6", "#232c3a")
FOCUS = Colour("focus", *_BLUE)
ACTIVE = Colour("active", *_BLUE)

# concepts: weights that count for and against a class, all others, likeness to a segment
INFLUENCE = Colour("influence", *_BLUE)
INFLUENCE_SOFT = Colour("influence-soft", *_BLUE_SOFT)
# of all students at once: from the least to the most that counts for a class, and against it
FOR_LEAST = Colour("for-least", *_BLUE_SOFT)
FOR = Colour("for", *_BLUE)
FOR_MOST = Colour("for-most", "#123a80", "#c5d9ff")
AGAINST_LEAST = Colour("against-least", *_ORANGE_SOFT)
AGAINST = Colour("against", *_ORANGE)
AGAINST_MOST = Colour("against-most", "#7a3503", "#ffdcb8")
CONCEPT = Colour("concept", *_GRAY)
SIMILARITY = Colour("similarity", *_GREEN)
ASSIGNED = Colour("assigned", *_GREEN)  # segments of the concept opened
TEACHER = Colour("teacher", *_GRAY)
SHARE = Colour("share", *_GRAY)  # of a ring, and sizes of subsets

FAULT = Colour("fault", *_ORANGE)
FAULT_INK = Colour("fault-ink", *_ORANGE_INK)
FAULT_SOFT = Colour("fault-soft", *_ORANGE_SOFT)

# reports on studies: people, events, and answers from low to high
PERSON = Colour("person", *_BLUE)
PERSON_INK = Colour("person-ink", *_BLUE_INK)
BATCH = Colour("batch", *_ORANGE)
FINE_TUNE = Colour("fine-tune", *_BLUE)
DONE = Colour("done", *_GREEN)
LOW = Colour("low", *_ORANGE)
LOW_SOFT = Colour("low-soft", *_ORANGE_SOFT)
ON_LOW = Colour("on-low", *_ON_ORANGE)
HIGH = Colour("high", *_BLUE)
HIGH_SOFT = Colour("high-soft", *_BLUE_SOFT)
ON_HIGH = Colour("on-high", *_ON_BLUE)

# reports on outputs: marks of teacher and oracle, and what is measured by labels
OF_TEACHER = Colour("of-teacher", *_BLUE_INK)
OF_ORACLE = Colour("of-oracle", *_ORANGE_INK)
OF_LABELS = Colour("of-labels", *_GREEN)
OF_NO_GROUP = Colour("of-no-group", "#868f9c", "#868f9c")  # images of small groups, on a map

#: All roles by key.
COLOURS = {value.key: value for value in list(globals().values()) if isinstance(value, Colour)}


def css_variables() -> str:
    """Return the text of a style sheet that sets the CSS variable of each colour role."""
    lines = [f"  --{key}: {colour.css};" for key, colour in COLOURS.items()]
    return "\n".join([":root,", ":host {", *lines, "}", ""])
