"""``inficond extend``: add photos to a store, labelled by its teacher."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from inficond_panel.commands.shared.output import note, show_lines
from inficond_panel.commands.shared.parser import ArgumentParser, apply_network_flags

DESCRIPTION = (
    "Photos are encoded and scored like the store's, and get the logits of its teacher; "
    "labels are not needed. They are kept beside the store (NAME.more), which stays as it is. "
    "Photos that equal an image of tune or holdout are refused. Needs the extra 'precompute'. A "
    "run that was stopped resumes. See `inficond docs data`."
)
EXAMPLE = "inficond extend my.yaml new_photos"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond extend`` to its parser."""
    parser.add_spec()
    parser.add_argument(
        "photos", metavar="PHOTO", nargs="+", help="file of a photo, or a folder of photos"
    )
    parser.add_store()
    parser.add_argument(
        "--logits",
        metavar="TABLE",
        help="if the spec's teacher is a table: table of its outputs for the photos, one row each"
        " (default: the spec's table)",
    )
    parser.add_networks()
    parser.add_json()


def run(args: argparse.Namespace) -> None:
    """Add photos to the store of a spec, and print the result."""
    from inficond_panel.predict import extend_store
    from inficond_panel.spec import find_spec, load_spec
    from inficond_panel.tuning.opening import store_place

    spec = load_spec(find_spec(args.spec), check_files=False)
    apply_network_flags(args, spec)
    extended = extend_store(spec, store_place(spec, args.store), args.photos, args.logits, note)
    part = extended.part and {**asdict(extended.part), "path": str(extended.part.path)}
    document = {**asdict(extended), "store": str(extended.store), "part": part}
    show_lines(args, document, extended.lines())
