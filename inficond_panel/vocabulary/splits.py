"""Splits of the images of a store, in their order."""

from __future__ import annotations

#: Students are fitted on ``fit`` and tuned on ``tune``; ``holdout`` is looked at on purpose only.
SPLITS = FIT, TUNE, HOLDOUT = "fit", "tune", "holdout"
