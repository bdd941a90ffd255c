"""``inficond repair-network``: the teacher's network, with its last layer refitted to thumbs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.output import note, say, say_json, show_all
from inficond_panel.commands.shared.parser import ArgumentParser
from inficond_panel.vocabulary.worlds import INDEPENDENT

if TYPE_CHECKING:
    from inficond_panel.export.network.repair import NetworkRepair

DESCRIPTION = (
    "Refits the last linear layer of the spec's teacher network (onnx, torchscript, timm, "
    "torchvision or transformers) to the targets of an iteration, with a penalty on the change of "
    "its weights. Prints what changes on the tuning images, in both worlds, beside a refit without "
    "a thumb. Then it asks which photos the thumbs are meant for, and writes a new file of the "
    "network with a card. Nothing else in the file changes. See `inficond docs network`."
)
EXAMPLE = "inficond repair-network photos.yaml --node 1 --output repaired"

#: Answers to the question that mean yes.
_YES = ("y", "yes")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond repair-network`` to its parser."""
    parser.add_tuner()
    parser.add_json()
    parser.add_node()
    parser.add_device()
    parser.add_argument("--output", metavar="FOLDER", required=True, help="new folder")
    parser.add_argument(
        "--yes",
        action="store_true",
        help="the thumbs are meant for photos without the correlation: write without a question",
    )


def run(args: argparse.Namespace) -> None:
    """Refit the last layer of a network; write it once a person says what the thumbs mean."""
    from inficond_panel.commands.shared.students import open_node
    from inficond_panel.export.network.folder import check_folder, lines_of, write_network
    from inficond_panel.export.network.repair import repair_network

    check_folder(args.output)
    tuner, node = open_node(args)
    tuner.spec.device = args.device or tuner.spec.device
    repair = repair_network(tuner, node, lambda _, line: note(line))
    if not args.json:
        frames = {"figures": repair.figures(), "groups": repair.groups()}
        show_all(argparse.Namespace(json=False, html=False, csv=False), frames)
        say()
        for line in lines_of(repair):
            say(line)
    meant = repair.meant or (INDEPENDENT.key if args.yes else _asked(repair))
    files = write_network(repair, args.output, meant)
    if args.json:
        say_json(_document(repair, files))
    for name, path in files.items():
        note(f"{name} → {path}")


def _asked(repair: NetworkRepair) -> str:
    """Ask which photos the thumbs are meant for; return the world that the answer means, or ""."""
    from inficond_panel.export.network.folder import question

    note(f"{question(repair)} The network is written if you answer yes. [y/N]")
    answer = sys.stdin.readline() if sys.stdin else ""
    return INDEPENDENT.key if answer.strip().lower() in _YES else ""


def _document(repair: NetworkRepair, files: Any) -> dict[str, Any]:
    from inficond_panel.export.network.folder import lines_of
    from inficond_panel.results.frame import document

    return {
        "node": repair.node.id,
        "figures": document(repair.figures()),
        "groups": document(repair.groups()),
        "agreement": repair.agreement,
        "top1": repair.top1,
        "sentences": lines_of(repair),
        "files": {name: str(path) for name, path in files.items()},
    }
