"""``inficond export``: write the students of an iteration as a self-contained folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.output import note, show_lines
from inficond_panel.commands.shared.parser import ArgumentParser, allow_python
from inficond_panel.common.numbers import count
from inficond_panel.errors import ExportError
from inficond_panel.vocabulary.splits import HOLDOUT

if TYPE_CHECKING:
    from inficond_panel.tuning import Node, Tuner

DESCRIPTION = (
    "Writes the students, a model card (Markdown and JSON) and the edits file that reproduces "
    "them. The folder is self-contained, and is written completely or not at all. --targets writes "
    "what the students are fitted to, to train a network on."
)
EXAMPLE = "inficond export demo --format npz --format onnx --output bicycle-students"

#: Formats of ``inficond_panel.export``, listed here since that package is slow to import.
CHOICES = ("npz", "onnx", "sklearn")
#: Format with the encoder too; written only if it is requested by name.
PIXELS = "onnx-pixels"
#: License if none is named (``export.card_markdown``), and the line on that.
_UNKNOWN = "unknown"
_UNLICENSED = "license in README.md: unknown; name one with --license, such as --license mit"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond export`` to its parser."""
    parser.add_tuner()
    parser.add_json()
    parser.add_node()
    parser.add_allow_python()
    parser.add_argument(
        "--format",
        action="append",
        default=[],
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
        default=_UNKNOWN,
        help="license of these students for README.md, as hubs name it, such as mit "
        "(default: unknown)",
    )
    parser.add_argument(
        "--targets",
        metavar="FILE",
        help="also, or only, write targets (.csv or .parquet): per training image and class the "
        "teacher's probability, and as thumbs, answers and labels adjust it",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing export")


def run(args: argparse.Namespace) -> None:
    """Write the students of an iteration to a folder, with model card and edits file, and targets
    to a file."""
    from inficond_panel.commands.shared.students import open_node
    from inficond_panel.tuning.other_students import node_title

    if not args.format and not args.targets:
        raise ExportError(
            "There is nothing to export.",
            "Name a format of the students, such as --format npz, or a file: --targets FILE",
        )
    tuner, node = open_node(args)
    allow_python(args, tuner.spec)
    document: dict[str, Any] = {"node": node.id, "weights_hash": node.weights_hash}
    lines, title = list[str](), node_title(tuner, node)
    if args.format:
        lines += _students(args, tuner, node, title, document)
    if args.targets:
        lines.append(_targets(args, tuner, node, title, document))
    show_lines(args, document, lines)


def _targets(
    args: argparse.Namespace, tuner: Tuner, node: Node, title: str, document: dict[str, Any]
) -> str:
    """Write the targets, add the file to the ``document``; return a line for the terminal."""
    from inficond_panel.results.targets import write_targets

    rows = len(write_targets(tuner, node, Path(args.targets)))
    document["targets"] = args.targets
    return f"{title} → {args.targets}, {count(rows, 'row')}"


def _students(
    args: argparse.Namespace, tuner: Tuner, node: Node, title: str, document: dict[str, Any]
) -> list[str]:
    """Write the students, add the files to the ``document``; return lines for the terminal."""
    from inficond_panel.commands.shared.students import count_looks
    from inficond_panel.export import export

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
    document["files"] = {what: str(path) for what, path in files.items()}
    card = json.loads(files["card_json"].read_text(encoding="utf-8"))
    written = [f"  {what:<11} {path.name}" for what, path in files.items()]
    unlicensed = [_UNLICENSED] if args.license == _UNKNOWN else []
    return [f"{title} → {folder}", *written, *_checked(card), *unlicensed]


def _checked(card: dict[str, Any]) -> list[str]:
    """Return a line on the check of a model from pixels, if there is one."""
    pixels = card.get("pixels")
    if not pixels:
        return []
    usual, largest = (pixels[f"{which}_logit_difference"] for which in ("median", "largest"))
    return [
        f"on {pixels['checked_photos']} {pixels['checked_on']} of the store, logits differ "
        f"from inficond predict by {usual:.0e} at the median, {largest:.0e} at most"
    ]
