"""``inficond compare --link``: students per class and the one softmax student side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from inficond_panel.commands.compare.compare_page import page_html, table_html
from inficond_panel.commands.compare.compare_text import starred_change
from inficond_panel.commands.compare.frame import LIMITS, carry_out, count_looks, refuse, three
from inficond_panel.commands.metrics.metrics_document import interval_documents
from inficond_panel.commands.shared.output import progress, say, say_table
from inficond_panel.common.saved_file import File, make_table
from inficond_panel.distill import Interval
from inficond_panel.results.link_comparison import TOGETHER, LinkComparison, compare_links
from inficond_panel.store import Store
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.confidence import confidence_word, interval_word
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import HOLDOUT
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX
from inficond_panel.vocabulary.top_metrics import TOP_METRICS

#: Names of the files; a folder that holds others is not replaced.
FILES = {"links.csv", "links.html"}
#: Arguments of the other comparisons, which both links here share as the spec has them.
_OF_OTHERS = ("targets", "alpha", "temperature", "tempered", "lambda_", "gamma")
LINK_WORDS = {SIGMOID: "a student per class", SOFTMAX: "one softmax student"}
#: Names of the metrics, in the order of the rows.
NAMES = {key: TOP_METRICS[key].word for key in TOGETHER} | {AP.key: AP.mean}
HEADER = ["", *LINK_WORDS.values(), "difference", "teacher"]


def compare_the_links(args: argparse.Namespace) -> None:
    """Distill the students of both links and measure them; a table, a document, or a folder."""
    why = "--link, which compares under the settings of the spec"
    refuse(args, _OF_OTHERS, {"groups": "single"}, why, "Leave it out, or change the spec.")

    def find(tuner: Tuner) -> LinkComparison:
        noise = {"draws": args.draws, "seed": args.seed}
        comparison = compare_links(tuner, args.split, progress=progress, **noise)
        count_looks(tuner, [result.node for result in comparison.results], args.split)
        return comparison

    carry_out(
        args,
        names=FILES,
        find=find,
        files=_files,
        document=lambda tuner, comparison: _document(tuner, comparison, args),
        tell=lambda tuner, comparison: _say(tuner, comparison, args),
    )


def _say(tuner: Tuner, comparison: LinkComparison, args: argparse.Namespace) -> None:
    say(
        f"Students on the split {comparison.split}, {comparison.labelled} labelled images; "
        "* beyond noise"
    )
    say()
    say_table(HEADER, link_rows(comparison))
    say()
    for line in link_notes(comparison):
        say(line)
    say(f"{args.draws} bootstrap draws of images, {interval_word(comparison.level)}s.")


def _document(tuner: Tuner, comparison: LinkComparison, args: argparse.Namespace) -> dict[str, Any]:
    """Everything that was measured; undefined is None."""
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "draws": args.draws,
        "seed": args.seed,
        "level": comparison.level,
        "split": comparison.split,
        "images": comparison.images,
        "labelled": comparison.labelled,
        "links": {
            result.link: {
                "node": result.node.id,
                "weights_hash": result.node.weights_hash,
                "nonzero": result.nonzero,
                "gap": max(result.node.gap),
                "metrics": interval_documents(result.metrics),
                "looks": tuner.history.looks(result.node.id, HOLDOUT),
            }
            for result in comparison.results
        },
        "change": interval_documents(comparison.change),
        "teacher": interval_documents(comparison.teacher),
    }


def _files(tuner: Tuner, comparison: LinkComparison) -> Iterator[File]:
    header = [f"{name}{limit}" for name in NAMES for limit in LIMITS]
    rows: list[list[Any]] = [
        [
            LINK_WORDS[result.link],
            result.node.id,
            result.nonzero,
            *_numbers(result.metrics),
            comparison.level,
        ]
        for result in comparison.results
    ]
    rows.append(["difference", "", None, *_numbers(comparison.change), comparison.level])
    rows.append(["teacher", "", None, *_numbers(comparison.teacher), comparison.level])
    yield make_table("links", ["students", "node", "nonzero", *header, "level"], rows)
    yield File("links.html", make_link_page(tuner.store, comparison).encode())


def _numbers(intervals: Mapping[str, Interval]) -> Iterator[float | None]:
    for name in NAMES:
        yield from three(intervals.get(name))


def link_rows(comparison: LinkComparison) -> list[list[str]]:
    """A row a metric: both students, the second less the first, and the teacher."""
    first, second = comparison.results
    return [
        [
            words,
            first.metrics[key].written(),
            second.metrics[key].written(),
            starred_change(comparison.change[key]).strip(),
            comparison.teacher[key].written() if key in comparison.teacher else "",
        ]
        for key, words in NAMES.items()
    ]


def link_notes(comparison: LinkComparison) -> list[str]:
    """Sentences on what both have in common, and where they differ beside the metrics."""
    first, second = comparison.results
    return [
        "Agreement is with the teacher. The difference is the softmax student less the students "
        "per class, paired on the same draws of images.",
        f"Influences that are not 0: {first.nonzero} with {LINK_WORDS[first.link]}, "
        f"{second.nonzero} with {LINK_WORDS[second.link]}, under the same lambda.",
        "Of students per class the probabilities of an image are divided by their sum.",
    ]


def make_link_page(store: Store, comparison: LinkComparison) -> str:
    """Whole page."""
    title = f"{store.title}: students per class and one softmax student"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Store {escape(store.content_hash[:12])}, {comparison.labelled} labelled images of the "
        f"split {escape(comparison.split)}. Intervals: {confidence_word(comparison.level)}, "
        "images drawn; * beyond noise.</p>",
        table_html(HEADER, link_rows(comparison)),
        *(f"<p>{escape(line)}</p>" for line in link_notes(comparison)),
    ]
    return page_html(title, parts)
