"""``inficond concept filter``: effect of the spec's filters on the words of its corpus."""

from __future__ import annotations

import argparse
from pathlib import Path

from inficond_panel.commands.output import note, say, say_json, say_table
from inficond_panel.commands.precompute_package import precompute_package
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.store import open_store


def filter_words(args: argparse.Namespace) -> None:
    """Write how many words fall, which, by which filter and why."""
    spec = load_spec(find_spec(args.spec))
    spec.check_making()
    precompute_package()
    from precompute.concepts.filters import REASONS, by_filter
    from precompute.pipeline.filtering import filtered_words

    place = Path(args.store or spec.store)
    store = open_store(place) if (place / "zarr.json").is_file() else None
    kept, dropped, unknown = filtered_words(spec, store)
    if args.json:
        fell = [{"concept": name, "filter": key, "why": why} for name, key, why in dropped]
        say_json({"kept": kept, "dropped": fell, "without_scores": unknown})
        return
    limits = spec.concepts.filters.limits()
    found = by_filter(dropped)
    rows = [[f"{REASONS[key]} ({key}: {limits[key]:g})", str(len(found.get(key, ())))]
            for key in REASONS if key in limits]  # fmt: skip
    say_table(["filter", "fall"], [*rows, ["stay", str(len(kept))]])
    for key, some in found.items():
        say()
        say_table([REASONS[key], "why"], [list(pair) for pair in some])
    if unknown:
        note(f"Of {len(unknown)} words no scores are known yet: inficond precompute {args.spec}")
