"""Names of the splits of a store's images, in their order."""

from __future__ import annotations

from typing import Final, Literal

#: A split, for editors and type checkers.
Split = Literal["fit", "tune", "holdout"]
#: Students are fitted on ``fit`` and tuned on ``tune``; ``holdout`` is for the final evaluation.
FIT: Final = "fit"
TUNE: Final = "tune"
HOLDOUT: Final = "holdout"
SPLITS: tuple[str, ...] = FIT, TUNE, HOLDOUT
#: Splits that the students are evaluated on, and that the page can show.
EVALUATED = TUNE, HOLDOUT
#: What near-equal images in different splits are.
ACROSS = ERROR, ALLOW = "error", "allow"
#: Words of the page for the images of each split.
IMAGES_OF = {FIT: "training images", TUNE: "tuning images", HOLDOUT: "holdout images"}
#: What splits that are drawn by chance cannot show.
BY_CHANCE = (
    "Splits by chance share every bias of the images: what goes with a class in all of them, "
    "the doctor can only ask about."
)
