"""``inficond predict``: predictions of students for new photos."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.output import note, show_all
from inficond_panel.commands.shared.parser import ArgumentParser, apply_network_flags, share
from inficond_panel.common.numbers import count
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.things import ROWS

if TYPE_CHECKING:
    from inficond_panel.concepts.photo_scores import PhotoScores
    from inficond_panel.export import Exported
    from inficond_panel.tuning import Tuner

DESCRIPTION = (
    "Photos are encoded, segmented and scored like the photos of the store; nothing is stored. "
    "Needs the extra 'precompute' and the encoder that the store was made with. "
    "A photo that cannot be read is named and skipped. "
    "Of a store made from tables (inficond init scores.csv ...) it decides new rows, with a column "
    "per concept, called and scaled as in the store: inficond predict own.zarr new.csv. "
    "A row with an empty cell, and a caption of a table that is too long, is named and not "
    "decided. "
    "SPEC may be an export (a folder or "
    "one of its files), with --spec for its encoder. --model takes a pocket, which needs no spec. "
    "See `inficond docs predict`."
)
EXAMPLE = "inficond predict my.yaml photo.jpg --class bicycle --explain"

_EXPORTS = (".json", ".npz", ".onnx")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond predict`` to its parser."""
    parser.add_tuner()
    parser.add_argument(
        "photos",
        metavar="PHOTO|TABLE",
        nargs="*",
        help="file of a photo; for a store made from tables: CSV or Parquet of new rows",
    )
    parser.add_node()
    parser.add_networks()
    parser.add_argument(
        "--model",
        metavar="FILE",
        help="file of a pocket (inficond pocket), in place of SPEC: inficond predict --model "
        "pocket.onnx PHOTO",
    )
    parser.add_argument("--spec", dest="of", metavar="SPEC", help="with an export: its spec")
    parser.add_classes("class to decide")
    parser.add_argument(
        "--explain", action="store_true", help="also print the concepts that made each decision"
    )
    parser.add_argument(
        "--abstain",
        type=share,
        metavar="A",
        help="answer only if decisions as sure have an accuracy of A or more on tune, else print "
        "don't know",
    )
    parser.add_argument(
        "--drift",
        action="store_true",
        help="also test whether the photos, 20 or more, differ from those of fit",
    )
    parser.add_argument(
        "--outlines",
        type=Path,
        metavar="FOLDER",
        help="write each photo to FOLDER, with outlines of the segments nearest to the strongest "
        "concepts of its surest class",
    )
    parser.add_forms()


def run(args: argparse.Namespace) -> None:
    """Predict the classes of photos, and print the requested frames."""
    if args.model:
        from inficond_panel.commands.predict.pocket_model import predict_pocket

        predict_pocket(args)
        return
    from inficond_panel.commands.predict.frames import frames_of
    from inficond_panel.commands.predict.outlined_photos import outline_files, write_outlined
    from inficond_panel.export.predictions import abstaining, predict
    from inficond_panel.predict import score_photos
    from inficond_panel.results.decisions import noting_drift, photo_drift
    from inficond_panel.tuning.thumbs import chosen_classes

    students, tuner, name = _students(args)
    if args.classes:
        args.classes = chosen_classes(args.classes, students.classes)
    apply_network_flags(args, tuner.spec)
    if args.outlines and (tuner.store.given or tuner.store.of_words):
        raise DataError("There is no photo to outline.", "Leave --outlines out.")
    accuracy, noise = args.abstain, tuner.spec.views.noise()
    rules = abstaining(students, tuner.store, accuracy, noise) if accuracy else None
    files = outline_files(args.outlines, args.photos) if args.outlines else {}
    scores = score_photos(tuner.spec, tuner.store, args.photos, note)
    scores = scores if args.drift else noting_drift(tuner.store, scores, students.weights)
    predictions = predict(students, scores)
    predictions = rules.apply(predictions) if rules else predictions
    _tell(scores)
    if args.outlines:
        chosen = [one for one in predictions if not args.classes or one.class_name in args.classes]
        written = write_outlined(files, tuner.store, scores, chosen)
        note(f"{count(len(written), 'photo')} with outlines written to {args.outlines}.")
    origin = {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "students": name,
        "title": f"{name}, {tuner.store.title}",
    }
    level = tuner.spec.views.confidence
    test = partial(photo_drift, tuner.store, scores, level=level)
    show_all(args, frames_of(args, students.task, origin, scores, predictions, rules, test))


def _tell(scores: PhotoScores) -> None:
    """Print what cannot be read, how the rest was read, and why the teacher is missing."""
    from inficond_panel.commands.predict.frames import faults_of

    if not scores.undecided:  # the notes name rows and captions
        for photo, fault in faults_of(scores).items():
            note(f"{photo} cannot be read: {fault}.")
    for told in scores.notes:
        note(told)
    if scores.no_teacher and scores.things != ROWS:
        note(f"The teacher's predictions are missing: {scores.no_teacher}.")


def _students(args: argparse.Namespace) -> tuple[Exported, Tuner, str]:
    """Return the students of an iteration or an export, the store's tuner, and their name."""
    from inficond_panel.commands.shared.students import open_node
    from inficond_panel.export.folder import as_exported
    from inficond_panel.tuning import open_tuner
    from inficond_panel.tuning.other_students import node_title

    path = Path(args.spec)
    exported = path.suffix in _EXPORTS or any(
        (path / f"students{end}").exists() for end in _EXPORTS
    )
    if exported:
        if not args.of:
            raise DataError(
                f"{path} is an export, which holds no encoder.", "Name the spec: --spec SPEC"
            )
        tuner = open_tuner(args.of, store=args.store, history=args.history)
        students = _checked(path, tuner)
        node = students.card["node"]
        return students, tuner, f"#{node['number']} {node['id']} of {path}"
    if args.of:
        raise DataError(f"--spec is only for an export, not for {path}.", "Leave --spec out.")
    tuner, node = open_node(args)
    return as_exported(tuner, node, {}), tuner, node_title(tuner, node)


def _checked(path: Path, tuner: Tuner) -> Exported:
    """Load an export; raise ``DataError`` if it was made with another encoder than the store."""
    from inficond_panel.export import differences, load_export

    students, attrs = load_export(path), tuner.store.attrs
    for key in ("encoder", "preprocessing"):
        if students.card["data"][key] != attrs[key]:
            raise DataError(
                f"The students were made with the {key} {students.card['data'][key]!r}, the store "
                f"with {attrs[key]!r}.",
                "Name the spec that they were made with: --spec SPEC",
            )
    for fact in differences(students, tuner.store):
        note(fact)
    return students
