"""Records of the vocabulary as data for the browser; ``vocabulary.js`` gives them to the views."""

from __future__ import annotations

import json

from inficond_panel.vocabulary.directions import DIRECTIONS, THUMBS
from inficond_panel.vocabulary.metrics import AP, METRICS
from inficond_panel.vocabulary.palette import BACKGROUND


def source() -> str:
    """Constant that ``vocabulary.js`` reads, as a line of a browser module."""
    records = {
        "metrics": {
            key: {
                "name": metric.name,
                "short": metric.short,
                "column": metric.column,
                "beside": metric.beside,
            }
            for key, metric in METRICS.items()
        },
        "gapMetric": AP.key,
        "directions": {
            key: {
                "verb": direction.verb,
                "mark": direction.glyph,
                "key": direction.shortcut,
                "icon": direction.icon,
            }
            for key, direction in DIRECTIONS.items()
        },
        "thumbs": list(THUMBS),
        "background": BACKGROUND.css,
    }
    return f"const $vocabulary = {json.dumps(records, ensure_ascii=False)}\n"
