"""``inficond init``: write a spec for a folder of photos, or make a store from tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from inficond_panel.commands.init.init_tables import check_captions, is_of_tables, write_tables
from inficond_panel.commands.shared.output import note, progress
from inficond_panel.commands.shared.parser import ArgumentParser, precompute_package
from inficond_panel.common.near_words import unknown
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.splits import ACROSS
from inficond_panel.vocabulary.tasks import ACTIVATIONS, AS_GIVEN, OUTPUTS, TASKS

DESCRIPTION = (
    "For a folder of photos it writes a spec: it recognizes the layouts of PASCAL VOC and COCO, "
    "folders of classes, tables (CSV, Parquet), and a store; it prints what it found and what it "
    "assumed, and needs the extra 'precompute'. For a table of captions and labels it writes a "
    "spec whose concepts are words of the captions, without photos or encoder. From three CSV "
    "tables of yours (concept scores, "
    "the teacher's logits, labels; each with the column image_id) and --splits it makes a store, "
    "without photos or encoder: inficond init scores.csv logits.csv labels.csv --splits split.csv "
    "--output own.zarr. It never overwrites a file."
)
EXAMPLE = "inficond init photos --teacher logits.csv --encoder models/clip"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond init`` to its parser."""
    parser.add_argument(
        "place",
        nargs="*",
        metavar="FOLDER|TABLE",
        help="folder of the data set; a table of captions; or the three tables scores, logits and "
        "labels",
    )
    parser.add_argument(
        "--download",
        metavar="NAME",
        help="fetch a public data set into FOLDER (default: ./NAME) first, from its publisher: "
        "voc2007, coco-val2017 or cub200; resumes where it broke off",
    )
    parser.add_argument(
        "--splits", metavar="TABLE", help="with tables: CSV of image_id, split (fit, tune, holdout)"
    )
    parser.add_argument(
        "--photos", metavar="TABLE", help="with tables: CSV of image_id, path of the photo"
    )
    parser.add_argument(
        "--metadata",
        metavar="TABLE",
        help="with tables: CSV of image_id and a column for each property of the images, such as "
        "the camera",
    )
    parser.add_argument(
        "--near-duplicates",
        metavar="COLUMN|false",
        help="column of the metadata with groups of images that are no independent evidence, such "
        "as a patient; with the three tables also false: each row is independent (default: rows "
        "with nearly equal scores are a group)",
    )
    parser.add_argument(
        "--across-splits",
        choices=ACROSS,
        help="what near-equal images in different splits are; default: error",
    )
    for name, words, what in (
        ("task", TASKS, "one class per image, or any number; default: from the labels"),
        (
            "activation",
            ACTIVATIONS,
            "the teacher's last activation; default: softmax with one class per image",
        ),
        ("outputs", OUTPUTS, "kind of the teacher's outputs; default: logits, or from its table"),
    ):
        parser.add_argument(f"--{name}", choices=words, help=what)
    parser.add_argument(
        "--order",
        choices=(AS_GIVEN,),
        help="keep the order of the teacher's outputs, even if the labels fit another order",
    )
    parser.add_argument(
        "--captions",
        metavar="COLUMN",
        help="with a table of captions: their column; default: by its name, or the only column of "
        "sentences",
    )
    parser.add_argument(
        "--teacher",
        metavar="FILE|KIND:NAME",
        help="table of logits (.csv, .parquet, .npz), model (.onnx, .torchscript), or a kind of "
        "teacher with a name, such as timm:resnet50.a1_in1k, torchvision:resnet18:FILE or head; "
        "default: a table of logits in the folder, else heads fitted on the labels",
    )
    parser.add_argument(
        "--encoder",
        metavar="FOLDER|NAME",
        help="folder of an open_clip model, hf-hub:ORG/NAME, or a model of open_clip with its "
        "weights (ViT-B-16:openai); default: a folder called encoder beside the spec or the "
        "photos, else a model that is downloaded",
    )
    parser.add_classes("class of the folder to use")
    parser.add_argument(
        "--concepts",
        nargs="+",
        metavar="SOURCE",
        help="sources of the list of words, instead of --corpus: classes (their names), "
        "assertions:FILE (of ConceptNet or WordNet), captions:FILE (their frequent nouns), "
        "answer:FILE (of a language model), or a file of words; the spec then filters them",
    )
    parser.add_argument(
        "--corpus", metavar="FILE", help="file of words, one per line (default: 584 packaged words)"
    )
    parser.add_device()
    parser.add_argument("--title", help="name shown on the page (default: the folder's)")
    parser.add_argument(
        "--output",
        metavar="SPEC|STORE",
        help="file to write (default: FOLDER's name.yaml, here); with tables the store, NAME.zarr",
    )


def run(args: argparse.Namespace) -> None:
    """Write a spec for a folder of photos, or a store of tables; change no existing file."""
    if is_of_tables(args):
        write_tables(args)
        return
    check_captions(args)
    precompute_package()
    from inficond_panel.commands.init.init_folder import write_spec

    if args.download:
        _download(args)
    elif not args.place:
        raise DataError("No folder is named.", "Name it: inficond init FOLDER")
    write_spec(args)


def _download(args: argparse.Namespace) -> None:
    """Download a public data set; set its folder, title, words and output in ``args``."""
    from inficond_panel.commands.init.init_folder import check_output
    from precompute.download import PUBLIC, bring

    name = args.download
    if name not in PUBLIC:
        raise DataError(*unknown("public data set", name, PUBLIC))
    data, folder = PUBLIC[name], Path(*args.place or [name])
    args.output = args.output or f"{name}.yaml"
    check_output(args, Path(args.output), folder)
    note(f"{data.title}: the publisher's terms are at {data.terms}")
    args.place = [str(bring(data, folder, progress))]
    args.title = args.title or data.title
    if data.words and not args.concepts:
        args.corpus = args.corpus or str(folder / data.words)
