"""``inficond precompute``: the store of a spec."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from inficond_panel.commands.shared.output import note, show_lines
from inficond_panel.commands.shared.parser import (
    ArgumentParser,
    apply_network_flags,
    precompute_package,
)
from inficond_panel.common.numbers import count
from inficond_panel.spec import find_spec, load_spec

DESCRIPTION = (
    "Needs the extra 'precompute' (torch, open_clip), except for words of captions. A run that "
    "was stopped resumes. Only what depends on a change is computed again: new words encode no "
    "image, and an added photo encodes only its batch. Only one run at a time can write a store."
)
EXAMPLE = "inficond precompute photos.yaml --plan"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond precompute`` to its parser."""
    parser.add_spec()
    parser.add_argument("--store", metavar="FOLDER", help="store to write (default: the spec's)")
    parser.add_argument(
        "--plan",
        action="store_true",
        help="only print what would be computed and why, and the time, "
        "memory and disk that it needs, estimated from a sample of photos",
    )
    parser.add_scheduler("encode, and run the teacher,")
    parser.add_networks()
    parser.add_json()


def run(args: argparse.Namespace) -> None:
    """Make the store of a spec, or with ``--plan`` print the plan."""
    spec = load_spec(find_spec(args.spec))
    spec.check_photos()
    apply_network_flags(args, spec)
    package, store = precompute_package(), args.store or spec.store
    if args.plan:
        plan = package.plan(spec, store, progress=note, sample=True)
        show_lines(args, plan.document(), plan.lines())
        return
    report = package.run(spec, store, progress=note, scheduler=args.scheduler)
    images = ", ".join(f"{number} {split}" for split, number in report.images.items())
    done = "written" if report.changed else "unchanged"
    if report.words:
        done += f"; own words of {count(len(report.words), 'class')} made next to it"
    if report.random_words:
        done += f"; {count(report.random_words, 'random word')} made next to it"
    if not (report.changed or report.words or report.random_words):
        done += ", nothing was done"
    lines = [
        f"{report.store}: {done}",
        f"images {images}; segments {report.segments}; hash {report.content_hash}",
    ]
    if report.dropped:
        words = count(len(report.dropped), "word")
        lines.append(f"concepts.filters left out {words}; see: inficond info")
    if report.skipped:
        from inficond_panel.store.skipped import MOST_NAMED, skipped_text

        lines.append(skipped_text(report.skipped))
        if len(report.skipped) > MOST_NAMED:
            lines.append("all of them: inficond info --json")
    show_lines(args, {**asdict(report), "store": str(report.store)}, lines)
