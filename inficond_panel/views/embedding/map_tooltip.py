"""Tooltip of a concept on the map."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.numbers import UNDEFINED, count, signed
from inficond_panel.results.patches import assigned_counts
from inficond_panel.vocabulary.palette import INK, INK_2, POPOVER

if TYPE_CHECKING:
    from inficond_panel.plots.concept_map import Shown
    from inficond_panel.store import Store

#: Bokeh puts values in escaped. The tooltip lies in a shadow root of its own, so it brings rules.
TOOLTIP = Template("""<div><style>
:host { padding: 6px 10px; border: 0; border-radius: 6px; opacity: 1;
  font: 11px/15px var(--inficond-font, sans-serif);
  background: $popover; color: $ink;
  box-shadow: 0 6px 24px light-dark(rgba(20, 28, 40, .18), rgba(0, 0, 0, .55)),
    0 0 0 1px light-dark(rgba(20, 28, 40, .08), #38414d); }
b { font-size: 12px; font-weight: 600; }
dl { display: grid; grid-template-columns: 1fr auto; gap: 0 8px; margin: 0; }
dt { color: $faint; }
dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
b, dl { zoom: var(--zoom, 1); }
</style><b>@name</b><dl><dt>Influence</dt><dd>@influence</dd>
<dt>Segments</dt><dd>@segments</dd><dt>Nearest</dt><dd>@nearest</dd></dl></div>""").substitute(
    popover=POPOVER.css, ink=INK.css, faint=INK_2.css
)


def make_facts(store: Store, shown: Shown) -> dict[str, list[str]]:
    """The tooltip's texts by concept: name, influence and rank, segments, nearest concept."""
    influence = [UNDEFINED] * len(store.concepts)
    if shown.influence is not None:
        for rank, concept in enumerate(shown.order, start=1):
            weight = shown.influence[concept]
            rest = f" · rank {count(rank)}" if weight else ""
            influence[concept] = f"{signed(weight)}{rest}"
    return {"name": store.concepts, "influence": influence, **_fixed_facts(store)}


@once(4)
def _fixed_facts(store: Store) -> dict[str, list[str]]:
    segments = assigned_counts(store)
    likeness = store.concept_text_embedding @ store.concept_text_embedding.T
    np.fill_diagonal(likeness, -np.inf)
    nearest = [store.concepts[c] for c in likeness.argmax(axis=1)]
    unknown = [UNDEFINED] * len(nearest)
    return {
        "segments": [count(int(n)) for n in segments] if store.holds("segments") else unknown,
        "nearest": nearest if store.holds("texts") else unknown,
    }
