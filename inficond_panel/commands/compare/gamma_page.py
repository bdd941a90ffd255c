"""The page of ``inficond compare --gamma``: a table, silhouettes over gamma, diagrams and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from inficond_panel.commands.compare.compare_page import (
    figure_svg,
    figures_html,
    map_svg,
    page_html,
    reliability_svg,
    table_html,
)
from inficond_panel.commands.compare.compare_text import others_notes, starred_change
from inficond_panel.distill import SEEN_LABEL
from inficond_panel.quantify.outputs.gamma_sweep import GammaSweep
from inficond_panel.quantify.outputs.output_report import MEASURES
from inficond_panel.quantify.outputs.separation import Groups
from inficond_panel.store import Store
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.metrics import ACCURACY, AP, ECE
from inficond_panel.vocabulary.top_metrics import TOP1, TOP_ECE

#: Heads of the columns of the terminal's table.
SHORT = {
    AP.key: "mAP",
    ACCURACY.key: ACCURACY.word,
    ECE.key: "ECE of classes",
    "ece_pooled": "ECE pooled",
    "ece_pooled_mass": "ECE by mass",
    "entropy": "entropy",
    TOP1.key: "top-1",
    TOP_ECE.key: "top ECE",
    "entropy_softmax": "softmax entropy",
    "silhouette": "silhouette",
    "silhouette_probability": "silh. of prob.",
    "silhouette_super": "silh. super-class",
}
#: Curves of the figure over gamma; which colour and which mark.
_CURVES = {
    "silhouette": ("#1f57b8", "silhouette, sub-class"),
    "silhouette_super": ("#99490c", "silhouette, super-class"),
    TOP1.key: ("#2f6b3a", "top-1 accuracy"),
    ACCURACY.key: ("#2f6b3a", "accuracy, mean of classes"),
}
_WIDTH, _HEIGHT, _EDGE = 520, 260, 40
_PICTURES = 40


def gamma_text(gamma: float) -> str:
    """``0 (teacher)`` or ``0.5``."""
    return f"{gamma:g}" if gamma else "0 (teacher)"


def make_gamma_page(
    store: Store, sweep: GammaSweep, places: Mapping[float, np.ndarray], best: Sequence[str]
) -> str:
    """Whole page; ``places`` are the images' places on the map of each gamma."""
    title = f"{store.title}: oracles by gamma"
    marked = {gamma: f"gamma {gamma_text(gamma)}" for gamma in sweep.gammas}
    kind = "of the likeliest class" if sweep.oracles[0].outputs.whole else "all classes pooled"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Store {escape(store.content_hash[:12])}, {len(sweep.rows)} images of the split fit. "
        f"With gamma above 0 the oracle {SEEN_LABEL}. Intervals: {confidence_word(sweep.level)}, "
        "images drawn; * beyond noise: the change from the teacher excludes 0.</p>",
        _table(sweep),
        *(f"<p>{escape(line)}</p>" for line in (*others_notes(sweep.oracles[0].outputs), *best)),
        "<h2>By gamma</h2>",
        "<p>Circles: the largest value of each curve. Accuracy and silhouettes have one axis.</p>",
        _curves(sweep),
        f"<h2>Reliability, {kind}</h2>",
        figures_html(
            reliability_svg(marked[each.gamma], {each.kind: each.reliability})
            for each in sweep.oracles
        ),
    ]
    groups = sweep.above or sweep.groups
    if places and groups:
        parts += [
            f"<h2>t-SNE of the output representation, {escape(groups.rule)}</h2>",
            figures_html(
                map_svg(marked[gamma], xy, groups, _pictures(store, sweep, xy, groups))
                for gamma, xy in places.items()
            ),
        ]
    return page_html(title, parts)


def _table(sweep: GammaSweep) -> str:
    rows = []
    for name in sweep.oracles[0].measures:
        cells = []
        for each in sweep.oracles:
            change = each.changes.get(name)
            cells.append(each.measures[name].written())
            cells[-1] += f" ({starred_change(change).strip()})" if change else ""
        rows.append([MEASURES[name], *cells])
    return table_html(["", *map(gamma_text, sweep.gammas)], rows)


def _curves(sweep: GammaSweep) -> str:
    """Figure 4: silhouettes and accuracy over gamma, evenly spaced; the best are circled."""
    measures = sweep.oracles[0].measures
    names = [
        n for n in _CURVES if n in measures and (n != ACCURACY.key or TOP1.key not in measures)
    ]
    values = {n: [each.measures[n].estimate for each in sweep.oracles] for n in names}
    every = np.array(list(values.values()))
    low, high = min(0.0, float(np.nanmin(every))), float(np.nanmax(every))
    span, steps = max(high - low, 1e-9), max(len(sweep.gammas) - 1, 1)

    def at(number: int, value: float) -> tuple[float, float]:
        x = _EDGE + (_WIDTH - 2 * _EDGE) * number / steps
        return x, _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * (value - low) / span

    left, floor = at(0, low)
    parts = [
        f'<path d="M{left} {at(0, high)[1]}V{floor}H{_WIDTH - _EDGE}" fill="none" '
        'stroke="#868f9c"/>'
    ]
    for number, gamma in enumerate(sweep.gammas):
        x, _ = at(number, low)
        parts.append(
            f'<text x="{x:.1f}" y="{floor + 16:.1f}" text-anchor="middle">{gamma:g}</text>'
        )
    for value in (low, high):
        y = at(0, value)[1] + 4
        parts.append(f'<text x="{left - 6:.1f}" y="{y:.1f}" text-anchor="end">{value:.2f}</text>')
    for number, name in enumerate(names):
        colour, words = _CURVES[name]
        points = [at(n, v) for n, v in enumerate(values[name]) if np.isfinite(v)]
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        x, y = at(int(np.nanargmax(values[name])), float(np.nanmax(values[name])))
        dash = ' stroke-dasharray="5 3"' if number % 2 else ""
        parts += [
            f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>',
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="none" stroke="{colour}" '
            'stroke-width="2"/>',
            f'<text x="{_EDGE + 8}" y="{14 + 14 * number}" style="fill: {colour}">{escape(words)}'
            f"{' (dashed)' if dash else ''}</text>",
        ]
    return figures_html(
        [figure_svg("Silhouette and accuracy over gamma", _WIDTH, _HEIGHT, "", "", parts)]
    )


def _pictures(
    store: Store, sweep: GammaSweep, places: np.ndarray, groups: Groups
) -> dict[int, bytes]:
    """Thumbnails of some images on the map: the first of each group, round by round."""
    if not store.has("thumbnail"):
        return {}
    shown = np.flatnonzero(~np.isnan(places[:, 0]) & (groups.of >= 0))
    seen: dict[int, int] = {}
    turn = []
    for row in shown.tolist():
        group = int(groups.of[row])
        turn.append((seen.get(group, 0), row))
        seen[group] = seen.get(group, 0) + 1
    rows = [row for _, row in sorted(turn)[:_PICTURES]]
    return {row: store.thumbnail(int(sweep.rows[row])) for row in rows}
