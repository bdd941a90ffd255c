"""``inficond predict``: students on photos that are in no store."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.arguments import (
    add_classes,
    add_networks,
    add_node,
    add_tuner,
    say_networks,
)
from inficond_panel.commands.output import note, say, say_json, say_table
from inficond_panel.errors import DataError

if TYPE_CHECKING:
    from inficond_panel.concepts.photo_scores import PhotoScores
    from inficond_panel.export import Exported
    from inficond_panel.export.predictions import Prediction
    from inficond_panel.tuning import Tuner

DESCRIPTION = (
    "Photos go through the encoder and are divided and scored as those of the store; nothing is "
    "looked up or kept. Needs the extra 'precompute' and the encoder that the store was made with. "
    "A photo that cannot be read is named, the others go on. SPEC may be an export (a folder or "
    "one of its files), with --spec for its encoder. See docs/predict.md."
)
EXAMPLE = "inficond predict my.yaml photo.jpg --class bicycle --explain"

_SHOWN = 5  #: concepts of a class that are printed
_HEADER = ["class", "logit", "probability", "student", "teacher"]
_EXPORTS = (".json", ".npz", ".onnx")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="file of a photo")
    add_node(parser)
    add_networks(parser)
    parser.add_argument("--spec", dest="of", metavar="SPEC", help="spec of an export's students")
    add_classes(parser, "class to decide")
    parser.add_argument(
        "--explain", action="store_true", help="also the concepts that made each decision"
    )
    parser.add_argument(
        "--csv", action="store_true", help="print a table: a line per photo and class, with "
        "--explain per photo, class and concept",
    )  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Decide the classes of photos."""
    from inficond_panel.export.predictions import predict
    from inficond_panel.new_photos import score_photos
    from inficond_panel.tuning.intents.intent import check_name

    if args.json and args.csv:
        raise DataError("--json and --csv exclude each other.", "Leave one out.")
    students, tuner, name = _students(args)
    for class_name in args.classes or ():
        check_name("class", class_name, students.classes)
    say_networks(args, tuner.spec)
    scores = score_photos(tuner.spec, tuner.store, args.photos, note)
    found = predict(students, scores)
    found = [one for one in found if not args.classes or one.class_name in args.classes]
    for photo, fault in zip(scores.photos, scores.fault, strict=True):
        if fault:
            note(f"{photo} cannot be read: {fault}.")
    if scores.no_teacher:
        note(f"No teacher beside the students: {scores.no_teacher}.")
    if args.json:
        say_json({**_place(tuner, name), **_document(scores, found, args.explain)})
    elif args.csv:
        _say_csv(found, args.explain)
    else:
        say(f"{name}, {tuner.store.title}")
        _say(found, args.explain)


def _students(args: argparse.Namespace) -> tuple[Exported, Tuner, str]:
    """Students of a spec's iteration or of an export, the tuner of the store, and their name."""
    from inficond_panel.commands.students import chosen_node, open_students
    from inficond_panel.export.folder import as_exported
    from inficond_panel.tuning import open_tuner
    from inficond_panel.tuning.node_names import node_title

    path = Path(args.spec)
    exported = path.suffix in _EXPORTS or any(
        (path / f"students{end}").exists() for end in _EXPORTS
    )
    if exported:
        if not args.of:
            raise DataError(
                f"{path} is an export, which holds no encoder.", "Name its spec: --spec SPEC"
            )
        tuner = open_tuner(args.of, store=args.store, history=args.history)
        students = _checked(path, tuner)
        node = students.card["node"]
        return students, tuner, f"#{node['number']} {node['id']} of {path}"
    if args.of:
        raise DataError("--spec is for an export.", "Name the spec first, without --spec.")
    tuner = open_students(args)
    node = chosen_node(tuner, args.node)
    return as_exported(tuner, node, {}), tuner, node_title(tuner, node)


def _checked(path: Path, tuner: Tuner) -> Exported:
    """Students of an export; raises ``DataError`` where the spec has another encoder."""
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


def _place(tuner: Tuner, name: str) -> dict[str, Any]:
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "students": name,
    }


def _document(scores: PhotoScores, found: Sequence[Prediction], explain: bool) -> dict[str, Any]:
    classes: dict[str, dict[str, Any]] = {}
    for one in found:
        classes.setdefault(one.photo, {})[one.class_name] = _facts(one, explain)
    return {
        "no_teacher": scores.no_teacher or None,
        "photos": [
            {"photo": photo, "fault": fault or None, "classes": classes.get(photo, {})}
            for photo, fault in zip(scores.photos, scores.fault, strict=True)
        ],
    }


def _facts(one: Prediction, explain: bool) -> dict[str, Any]:
    from inficond_panel.export.predictions import COLUMNS

    facts: dict[str, Any] = dict(zip(COLUMNS[2:], one.row()[2:], strict=True))
    facts["threshold"] = one.threshold
    if explain:
        facts["intercept"] = one.intercept
        if one.other_classes:
            facts["other_classes"] = one.other_classes
        facts["concepts"] = [vars(part) for part in one.parts]
    return facts


def _say_csv(found: Sequence[Prediction], explain: bool) -> None:
    from inficond_panel.common.saved_file import make_table
    from inficond_panel.export.predictions import COLUMNS, PART_COLUMNS

    rows = [row for one in found for row in (one.part_rows() if explain else [one.row()])]
    columns = PART_COLUMNS if explain else COLUMNS
    say(make_table("predictions", columns, rows).content.decode().rstrip("\n"))


def _say(found: Sequence[Prediction], explain: bool) -> None:
    """Print the classes of each photo, those most surely present first."""
    for photo in dict.fromkeys(one.photo for one in found):
        mine = [one for one in found if one.photo == photo]
        mine.sort(key=lambda one: one.threshold - one.logit)
        say()
        say(photo)
        say_table(_HEADER, [_row(one) for one in mine])
        for one in mine if explain else ():
            say(f"  {one.class_name} {one.logit:+.3f} = {_sum(one)}")


def _row(one: Prediction) -> list[str]:
    teacher = "" if one.teacher is None else f"{one.teacher:+.3f} {_word(one.teacher_present)}"
    probability = one.row()[3]
    return [
        one.class_name, f"{one.logit:+.3f}", f"{probability:.3f}", _word(one.present), teacher
    ]  # fmt: skip


def _word(present: bool | None) -> str:
    return "present" if present else "absent"


def _sum(one: Prediction) -> str:
    """``-1.204 +2.114 traffic light (0.311 × +6.800), and 3 more +0.012``."""
    told = [
        f"{part.logit:+.3f} {part.concept} ({part.score:.3f} × {part.influence:+.3f})"
        for part in one.parts[:_SHOWN]
    ]
    rest = one.parts[_SHOWN:]
    more = [f"{sum(part.logit for part in rest):+.3f} of {len(rest)} more"] if rest else []
    others = [f"{one.other_classes:+.3f} of the other classes"] if one.other_classes else []
    return ", ".join([f"{one.intercept:+.3f}", *told, *more, *others])
