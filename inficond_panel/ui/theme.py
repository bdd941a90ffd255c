"""Colour tokens for Bokeh and HoloViews.

The same tokens are CSS variables in ``base.css``; a canvas cannot read those.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tokens:
    """Colours of one theme, as CSS colours."""

    bg: str
    surface: str
    sub: str
    popover: str
    ink: str
    ink_2: str
    ink_3: str
    line: str
    ctl: str
    track: str
    blue: str
    blue_ink: str
    blue_soft: str
    on_blue: str
    orange: str
    orange_ink: str
    orange_soft: str
    on_orange: str
    green: str
    gray: str
    band: str
    sel: str
    cloud: tuple[int, int, int]
    cloud_alpha: float


LIGHT = Tokens(
    bg="#eff1f4",
    surface="#ffffff",
    sub="#f5f6f8",
    popover="#ffffff",
    ink="#1a1e24",
    ink_2="#4a5361",
    ink_3="#5f6875",
    line="#e1e4e9",
    ctl="#868f9c",
    track="#e0e4ea",
    blue="#2f6fde",
    blue_ink="#1f57b8",
    blue_soft="#dde8fb",
    on_blue="#ffffff",
    orange="#de7727",
    orange_ink="#99490c",
    orange_soft="#fce8d8",
    on_orange="#1a1208",
    green="#2a8f4f",
    gray="#707a88",
    band="#e3e7ee",
    sel="#e9eef6",
    cloud=(122, 134, 154),
    cloud_alpha=0.45,
)

DARK = Tokens(
    bg="#0f1216",
    surface="#191d23",
    sub="#21262e",
    popover="#262d37",
    ink="#e9ecf0",
    ink_2="#b6bec9",
    ink_3="#9aa4b1",
    line="#2b323b",
    ctl="#6d7785",
    track="#333b46",
    blue="#6699f5",
    blue_ink="#8fb5fa",
    blue_soft="#22375c",
    on_blue="#0d1420",
    orange="#f09a55",
    orange_ink="#f5b27c",
    orange_soft="#4a3020",
    on_orange="#1a1208",
    green="#4fb878",
    gray="#8f9aa8",
    band="#2e3641",
    sel="#232c3a",
    cloud=(122, 134, 154),
    cloud_alpha=0.5,
)


def tokens(dark: bool) -> Tokens:
    """Tokens of the dark or the light theme."""
    return DARK if dark else LIGHT
