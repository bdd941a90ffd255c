"""The page that ``inficond compare --output`` writes: tables, reliability diagrams, t-SNE maps.

One HTML file without scripts and without anything from outside; all text is escaped.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from inficond_panel.commands.compare.compare_text import (
    NAMES,
    kind_text,
    notes_on,
    outside_notes,
    setting_text,
    starred_change,
)
from inficond_panel.distill import SEEN_LABEL
from inficond_panel.quantify.outputs.output_report import MEASURES
from inficond_panel.quantify.outputs.reliability import Reliability
from inficond_panel.quantify.outputs.separation import Groups
from inficond_panel.ui.fonts import font_css
from inficond_panel.vocabulary.confidence import confidence_word

if TYPE_CHECKING:
    from inficond_panel.commands.compare.compared import Compared

_SIDE, _MAP, _MARGIN, _PICTURE = 220, 520, 26, 34
_COLOURS = {"teacher": "#1f57b8", "oracle": "#99490c"}
_STYLE = """
body { font: 14px/1.45 var(--inficond-font); color: #1a1e24; max-width: 1180px; margin: 24px auto; padding: 0 16px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 8px 0 16px; }
th, td { padding: 3px 12px 3px 0; text-align: right; border-bottom: 1px solid #e1e4e9; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
div { display: flex; flex-wrap: wrap; gap: 16px; overflow-x: auto; }
svg text { font-size: 11px; fill: #4a5361; } svg .group { font-weight: 600; fill: #1a1e24; stroke: #fff; stroke-width: 3; paint-order: stroke; }
"""  # noqa: E501


def make_page(compared: Compared, places: Mapping[str, np.ndarray]) -> str:
    """Whole page; ``places`` are the images' places on the map of each kind of logits."""
    outputs, store = compared.outputs, compared.tuner.store
    title = f"{store.title}: teacher and oracle"
    level = confidence_word(compared.level)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Store {escape(store.content_hash[:12])}. Intervals: {level}, images drawn.</p>",
        f"<h2>Outputs on the split fit, {len(outputs.images)} images</h2>",
        _outputs(compared),
        *(f"<p>{escape(line)}</p>" for line in notes_on(outputs, compared.groups)),
        "<h2>Reliability, all classes pooled</h2>",
        figures_html(_pooled(compared)),
        "<h2>Reliability by class, bins of equal width</h2>",
        f"<p>Circles: teacher.{_squares(compared)}</p>",
        figures_html(_by_class(compared)),
        *_maps(compared, places),
        f"<h2>Students on the split {escape(compared.split)}, means over classes</h2>",
        _students(compared),
        "<h2>Differences, paired; * beyond noise</h2>",
        _differences(compared),
    ]
    return page_html(title, parts)


def page_html(title: str, parts: Sequence[str]) -> str:
    """A whole page of these parts."""
    style = f"<style>{font_css()}{_STYLE}</style>"
    head = f'<meta charset="utf-8"><title>{escape(title)}</title>{style}'
    return (
        f'<!doctype html>\n<html lang="en">{head}\n<body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _squares(compared: Compared) -> str:
    return f" Squares: {kind_text('oracle')}." if "oracle" in compared.outputs.logits else ""


def _outputs(compared: Compared) -> str:
    header = ["", *(kind_text(kind) for kind in compared.outputs.logits)]
    rows = []
    for name, measure in compared.measures.items():
        row = [MEASURES[name], measure.teacher.written()]
        if measure.oracle and measure.change:
            row += [measure.oracle.written(), starred_change(measure.change)]
        rows.append(row)
    return table_html([*header, "oracle − teacher"] if len(header) > 2 else header, rows)


def _students(compared: Compared) -> str:
    rows = [
        [f"{at} {setting_text(r.setting)}", *(r.metrics[name].written() for name in NAMES)]
        for at, r in enumerate(compared.students, start=1)
    ]
    rows.append(["the teacher itself", *(compared.teacher[name].written() for name in NAMES)])
    notes = "".join(f"<p>{escape(line)}</p>" for line in outside_notes(rows))
    return table_html(["", *NAMES.values()], rows) + notes


def _differences(compared: Compared) -> str:
    rows = [
        [f"{at} less {r.against + 1}", *(starred_change(r.change[name]) for name in NAMES)]
        for at, r in enumerate(compared.students, start=1)
        if r.change and r.against is not None
    ]
    return table_html(["", *NAMES.values()], rows)


def table_html(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts, which are escaped."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def figures_html(figures: Iterable[str]) -> str:
    """Figures side by side."""
    return f"<div>{''.join(figures)}</div>"


def _pooled(compared: Compared) -> list[str]:
    return [
        reliability_svg(name, {kind: compared.outputs.pooled(kind, mass)})
        for kind in compared.outputs.logits
        for name, mass in (
            (f"{kind_text(kind)}, equal width", False),
            (f"{kind}, equal mass", True),
        )
    ]


def _by_class(compared: Compared) -> list[str]:
    outputs = compared.outputs
    diagrams = {kind: outputs.by_class(kind) for kind in outputs.logits}
    return [
        reliability_svg(name, {kind: each[name] for kind, each in diagrams.items()})
        for name in outputs.classes
    ]


def _maps(compared: Compared, places: Mapping[str, np.ndarray]) -> list[str]:
    if not places or compared.groups is None:
        return []
    figures = [map_svg(f"t-SNE of {kind_text(k)}", xy, compared.groups) for k, xy in places.items()]
    return [
        f"<h2>Maps of the logits on fit, {escape(compared.groups.rule)}</h2>",
        figures_html(figures),
    ]


def reliability_svg(title: str, diagrams: Mapping[str, Reliability]) -> str:
    """Frequency over probability by bin; the teacher's as circles, the oracle's as squares.

    The area of a mark goes with the root of its events.
    """
    low, high = _MARGIN, _SIDE - _MARGIN
    parts = [
        f'<path d="M{low} {high}L{high} {low}M{low} {low}V{high}H{high}" fill="none" '
        'stroke="#868f9c" stroke-width="1"/>',
        f'<text x="{_SIDE / 2}" y="{_SIDE - 8}" text-anchor="middle">probability</text>',
        f'<text transform="translate(12 {_SIDE / 2}) rotate(-90)" text-anchor="middle">'
        "present</text>",
    ]
    told = []
    for kind, diagram in diagrams.items():
        seen = f", {SEEN_LABEL}" if kind == "oracle" and len(diagrams) == 1 else ""
        told.append(f"{kind} ECE {diagram.ece:.3f}{seen}")
        largest = max(int(diagram.events.max()), 1)
        for p, y, n in zip(diagram.probability, diagram.frequency, diagram.events, strict=True):
            if n:
                at = low + (high - low) * p, high - (high - low) * y
                parts.append(_mark(kind, *at, 2 + 4 * (n / largest) ** 0.25))
    return figure_svg(f"{title}: {', '.join(told)}", _SIDE, _SIDE, title, "; ".join(told), parts)


def _mark(kind: str, x: float, y: float, radius: float) -> str:
    style = f'fill="none" stroke="{_COLOURS[kind]}" stroke-width="1.5"'
    if kind == "teacher":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" {style}/>'
    corner = f'x="{x - radius:.1f}" y="{y - radius:.1f}"'
    return f'<rect {corner} width="{2 * radius:.1f}" height="{2 * radius:.1f}" {style}/>'


def map_svg(
    title: str, places: np.ndarray, groups: Groups, pictures: Mapping[int, bytes] | None = None
) -> str:
    """Images at their places, coloured by group; a group's name stands at its middle.

    ``pictures`` are JPEG thumbnails of some of the images, drawn in a frame of the group's colour.
    """
    shown = ~np.isnan(places[:, 0])
    least, reach = places[shown].min(axis=0), np.ptp(places[shown], axis=0)
    at = _MARGIN + (places - least) / np.where(reach > 0, reach, 1) * (_MAP - 2 * _MARGIN)
    colours = {int(i): _colour(groups, int(i)) for i in np.flatnonzero(shown)}
    parts = [
        f'<circle cx="{at[i, 0]:.1f}" cy="{at[i, 1]:.1f}" r="3" fill-opacity="0.7" '
        f'fill="{colour}"/>'
        for i, colour in colours.items()
    ]
    for i, picture in (pictures or {}).items():
        if i in colours:
            parts.append(_picture(at[i, 0], at[i, 1], picture, colours[i]))
    for number, name in enumerate(groups.names):
        inside = shown & (groups.of == number)
        if inside.any():
            x, y = np.median(at[inside], axis=0)
            text = f'<text class="group" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">'
            parts.append(f"{text}{escape(name)}</text>")
    return figure_svg(title, _MAP, _MAP, title, "", parts)


def _colour(groups: Groups, image: int) -> str:
    """Colour of an image's group; grey where it is in none."""
    if groups.of[image] < 0:
        return "#868f9c"
    return f"hsl({360 * groups.of[image] / len(groups.names):.0f} 60% 45%)"


def _picture(x: float, y: float, jpeg: bytes, colour: str) -> str:
    half, data = _PICTURE / 2, b64encode(jpeg).decode()
    place = f'x="{x - half:.1f}" y="{y - half:.1f}" width="{_PICTURE}" height="{_PICTURE}"'
    return (
        f'<image {place} preserveAspectRatio="xMidYMid slice" '
        f'href="data:image/jpeg;base64,{data}"/>'
        f'<rect {place} fill="none" stroke="{colour}" stroke-width="2"/>'
    )


def figure_svg(
    label: str, width: int, height: int, title: str, second: str, parts: Iterable[str]
) -> str:
    """A figure with its title above, and a second line below that."""
    top = 34 if second else 18
    lines = f'<text x="4" y="12" font-weight="600">{escape(title)}</text>'
    lines += f'<text x="4" y="27">{escape(second)}</text>' if second else ""
    return (
        f'<svg role="img" aria-label="{escape(label)}" width="{width}" height="{height + top}">'
        f'{lines}<g transform="translate(0 {top})">{"".join(parts)}</g></svg>'
    )
