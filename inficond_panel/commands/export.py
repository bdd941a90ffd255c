"""``inficond export``: write the students of an iteration as a self-contained folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from inficond_panel.commands.shared.output import note, show_lines
from inficond_panel.commands.shared.parser import ArgumentParser, allow_python
from inficond_panel.vocabulary.splits import HOLDOUT

DESCRIPTION = (
    "Writes the students, a model card (Markdown and JSON) and the edits file that reproduces "
    "them. The folder is self-contained, and is written completely or not at all."
)
EXAMPLE = "inficond export demo --format npz --format onnx --output bicycle-students"

#: Formats of ``inficond_panel.export``, listed here since that package is slow to import.
CHOICES = ("npz", "onnx", "sklearn")
#: Format with the encoder too; written only if it is requested by name.
PIXELS = "onnx-pixels"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond export`` to its parser."""
    parser.add_tuner()
    parser.add_json()
    parser.add_node()
    parser.add_allow_python()
    parser.add_argument(
        "--format",
        action="append",
        required=True,
        choices=[*CHOICES, PIXELS, "all"],
        help="may be repeated; onnx needs the extra 'onnx'; sklearn is JSON; onnx-pixels is "
        "one model of encoder and students, and needs 'precompute' too; all: the first three",
    )
    parser.add_argument("--output", metavar="FOLDER", help="new folder (default: SPEC-ID, here)")
    parser.add_argument(
        "--holdout",
        action="store_true",
        help="also write metrics on the holdout to the card; this use is counted",
    )
    parser.add_argument(
        "--license",
        metavar="ID",
        default="unknown",
        help="license of these students for README.md, as hubs name it, such as mit "
        "(default: unknown)",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing export")


def run(args: argparse.Namespace) -> None:
    """Write the students of an iteration to a folder, with model card and edits file."""
    from inficond_panel.commands.shared.students import count_looks, open_node
    from inficond_panel.export import export
    from inficond_panel.tuning.other_students import node_title

    tuner, node = open_node(args)
    allow_python(args, tuner.spec)
    folder = Path(args.output or f"{Path(args.spec).stem}-{node.id}")
    named = [*args.format, *(CHOICES if "all" in args.format else ())]
    files = export(
        tuner,
        node,
        folder,
        [name for name in named if name != "all"],
        holdout=args.holdout,
        force=args.force,
        license_name=args.license,
        progress=note,
    )
    if args.holdout:
        count_looks(tuner, HOLDOUT)
    document = {
        "node": node.id,
        "weights_hash": node.weights_hash,
        "files": {what: str(path) for what, path in files.items()},
    }
    lines = [f"{node_title(tuner, node)} → {folder}"]
    lines += [f"  {what:<11} {path.name}" for what, path in files.items()]
    card = json.loads(files["card_json"].read_text(encoding="utf-8"))
    if pixels := card.get("pixels"):
        usual, largest = (pixels[f"{which}_logit_difference"] for which in ("median", "largest"))
        lines.append(
            f"on {pixels['checked_photos']} {pixels['checked_on']} of the store, logits differ "
            f"from inficond predict by {usual:.0e} at the median, {largest:.0e} at most"
        )
    show_lines(args, document, lines)
