"""Arguments of the commands on specs and stores: check, init, precompute, info."""

from __future__ import annotations

import argparse

from inficond_panel.commands.parsers.common import SPEC, STORE, add_command, add_json


def add_spec_commands(commands: argparse._SubParsersAction) -> None:
    """Add check, init, precompute and info."""
    _add_check(commands)
    _add_init(commands)
    _add_precompute(commands)
    _add_info(commands)


def _add_check(commands: argparse._SubParsersAction) -> None:
    check = add_command(
        commands,
        "check",
        "specs",
        "Read a spec and report all its problems.",
        "Exits with 2 where there are problems. Starts nothing, reads no image.",
        "inficond check specs/coco18.yaml",
    )
    check.add_argument("spec", help=SPEC)


def _add_init(commands: argparse._SubParsersAction) -> None:
    init = add_command(
        commands,
        "init",
        "init",
        "Look at a folder of images with labels and write a spec for it.",
        "Knows the layouts of PASCAL VOC and COCO, folders of classes, tables (CSV, Parquet), and "
        "a store. Says what it found and what it assumed; never overwrites a file. Needs the extra "
        "'precompute'.",
        "inficond init photos --teacher logits.csv --encoder models/clip",
    )
    init.add_argument("folder", metavar="FOLDER", help="folder of the data set")
    init.add_argument(
        "--teacher",
        metavar="FILE",
        help="its logits (.csv, .parquet, .npz) or itself (.onnx, .torchscript); default: a table "
        "of logits in the folder, else heads fitted on the labels",
    )
    init.add_argument(
        "--encoder",
        metavar="DIR",
        help="folder of an open_clip model; default: a folder called encoder beside the spec or "
        "the photos, else one that is downloaded",
    )
    init.add_argument(
        "--corpus", metavar="FILE", help="words, one a line (default: 584 that come along)"
    )
    init.add_argument("--title", help="name shown on the page (default: the folder's)")
    init.add_argument(
        "--output", metavar="SPEC", help="file to write (default: FOLDER's name.yaml, here)"
    )


def _add_precompute(commands: argparse._SubParsersAction) -> None:
    precompute = add_command(
        commands,
        "precompute",
        "specs",
        "Make the store of a spec from its images.",
        "Needs the extra 'precompute' (torch, open_clip). A run that was stopped goes on where it "
        "was. Only what depends on something that changed is computed again: other words encode no "
        "image, and one photo that was added encodes its batch. Only one run at a time can write a "
        "store.",
        "inficond precompute specs/coco18.yaml --plan",
    )
    precompute.add_argument("spec", help=SPEC)
    precompute.add_argument("--store", metavar="DIR", help="where to write, instead of the spec's")
    precompute.add_argument(
        "--plan", action="store_true", help="only say what would be computed, and why"
    )
    precompute.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="encode, and run the teacher, with the workers of this Dask scheduler "
        "(tcp://HOST:PORT); they need the same packages, and read the files by the same paths; "
        "needs the extra 'scale'",
    )
    add_json(precompute)


def _add_info(commands: argparse._SubParsersAction) -> None:
    info = add_command(
        commands,
        "info",
        "info",
        "Say what a store holds and how it was made: stages, arrays and their sizes, positives.",
        "Reads all of the store and compares it with its hashes. Given a spec whose store is not "
        "made yet, it says what the spec's files hold.",
        "inficond info demo --json",
    )
    info.add_argument("spec", metavar="SPEC|STORE", help=f"{SPEC}; or the folder of a store")
    info.add_argument("--store", metavar="DIR", help=STORE)
    add_json(info)
