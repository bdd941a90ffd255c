"""A public data set for ``inficond init --download``."""

from __future__ import annotations

import argparse
from pathlib import Path

from inficond_panel.commands.init_folder import check_output
from inficond_panel.commands.output import note, progress
from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError


def download(args: argparse.Namespace) -> None:
    """Fetch the data set; set the folder, and where they are not given title, words and spec."""
    from precompute.download import PUBLIC, bring

    name = args.download
    if name not in PUBLIC:
        told = near(name, PUBLIC) or f" There are {', '.join(PUBLIC)}."
        raise DataError(f"No public data set is called {name!r}.{told}", "Correct --download.")
    data, place = PUBLIC[name], Path(*args.place or [name])
    args.output = args.output or f"{name}.yaml"
    check_output(args, Path(args.output), place)
    note(f"{data.title}: the publisher's terms are at {data.terms}")
    args.place = [str(bring(data, place, progress))]
    args.title = args.title or data.title
    if data.words and not args.concepts:
        args.corpus = args.corpus or str(place / data.words)
