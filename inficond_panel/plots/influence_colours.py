"""Colours of influences on a symmetric scale: for a class blue, against it orange."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from inficond_panel.vocabulary.palette import (
    AGAINST,
    AGAINST_LEAST,
    AGAINST_MOST,
    FOR,
    FOR_LEAST,
    FOR_MOST,
    INK,
    Colour,
)

STEPS = 128  #: colours of each sign
_INKS = ("#000000", "#ffffff")  # on any colour one of them has a contrast of 4.5


@cache
def make_colours(dark: bool) -> list[str]:
    """Colours from the strongest influence against a class to the strongest for it.

    They deepen with the square root of the influence, so that weak ones are told apart as well.
    """
    depths = np.sqrt((np.arange(STEPS) + 0.5) / STEPS)
    against = [_mixed((AGAINST_LEAST, AGAINST, AGAINST_MOST), depth, dark) for depth in depths]
    towards = [_mixed((FOR_LEAST, FOR, FOR_MOST), depth, dark) for depth in depths]
    return [*reversed(against), *towards]


def inks_on(influence: NDArray[np.float64], reach: float, dark: bool) -> list[str]:
    """Colours of the texts on cells with these influences: the one that stands out more.

    ``reach`` is the influence of the deepest colour.
    """
    steps = np.minimum((influence / reach + 1) * STEPS, 2 * STEPS - 1).astype(np.intp)
    return np.where(influence == 0, INK.of(dark), _all_inks(dark)[steps]).tolist()


@cache
def _all_inks(dark: bool) -> NDArray[np.str_]:
    """Colour of text on each of the colours."""
    grounds = make_colours(dark)
    return np.array([max(_INKS, key=partial(contrast, ground)) for ground in grounds])


def contrast(one: str, other: str) -> float:
    """Ratio of the luminances of two colours, as in WCAG 2."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _mixed(colours: tuple[Colour, Colour, Colour], depth: float, dark: bool) -> str:
    """Colour between the least, the middle and the most, at a depth of 0 to 1."""
    parts = np.array([_rgb(colour.of(dark)) for colour in colours])
    rgb = [np.interp(depth, (0, 0.6, 1), channel) for channel in parts.T]
    return "#" + "".join(f"{round(float(value)):02x}" for value in rgb)


def _luminance(colour: str) -> float:
    parts = np.array(_rgb(colour)) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
