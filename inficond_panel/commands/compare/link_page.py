"""The page of ``inficond compare --link``, and the words and rows that its table shares with it."""

from __future__ import annotations

from html import escape

from inficond_panel.analysis.link_comparison import TOGETHER, LinkComparison
from inficond_panel.commands.compare.compare_page import page_html, table_html
from inficond_panel.commands.compare.compare_text import level_text, starred_change
from inficond_panel.store import Store
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX
from inficond_panel.vocabulary.top_metrics import TOP_METRICS

LINK_WORDS = {SIGMOID: "a student per class", SOFTMAX: "one softmax student"}
#: Names of the metrics, in the order of the rows.
NAMES = {key: TOP_METRICS[key].word for key in TOGETHER} | {AP.key: AP.mean}
HEADER = ["", *LINK_WORDS.values(), "difference", "teacher"]


def link_rows(found: LinkComparison) -> list[list[str]]:
    """A row a metric: both students, the second less the first, and the teacher."""
    first, second = found.results
    return [
        [
            words,
            level_text(first.metrics[key]),
            level_text(second.metrics[key]),
            starred_change(found.change[key]).strip(),
            level_text(found.teacher[key]) if key in found.teacher else "",
        ]
        for key, words in NAMES.items()
    ]


def link_notes(found: LinkComparison) -> list[str]:
    """Sentences on what both have in common, and where they differ beside the metrics."""
    first, second = found.results
    return [
        "Agreement is with the teacher. The difference is the softmax student less the students "
        "per class, paired on the same draws of images.",
        f"Influences that are not 0: {first.nonzero} with {LINK_WORDS[first.link]}, "
        f"{second.nonzero} with {LINK_WORDS[second.link]}, under the same lambda.",
        "Of students per class the probabilities of an image are divided by their sum.",
    ]


def make_link_page(store: Store, found: LinkComparison) -> str:
    """Whole page."""
    title = f"{store.title}: students per class and one softmax student"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Store {escape(store.content_hash[:12])}, {found.labelled} labelled images of the "
        f"split {escape(found.split)}. Intervals: {confidence_word(found.level)}, "
        "images drawn; * beyond noise.</p>",
        table_html(HEADER, link_rows(found)),
        *(f"<p>{escape(line)}</p>" for line in link_notes(found)),
    ]
    return page_html(title, parts)
