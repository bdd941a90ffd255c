"""``inficond predict --model``: predictions of a pocket, without spec, store or encoder."""

from __future__ import annotations

import argparse
from functools import partial

from inficond_panel.commands.shared.output import note, show_all
from inficond_panel.errors import DataError

#: Flags that belong to a spec, a store or an encoder, by their names in the arguments.
_OF_SPECS = ("store", "history", "node", "of", "device", "allow_python", "outlines")
_SPECS = (".yaml", ".yml", ".zarr")


def predict_pocket(args: argparse.Namespace) -> None:
    """Predict the classes of photos by a pocket, and print the requested frames."""
    photos = [args.spec, *args.photos]
    _check(args, photos)
    from inficond_panel.commands.predict.frames import faults_of, frames_of
    from inficond_panel.export.pocket.reading import load_pocket
    from inficond_panel.export.predictions import predict
    from inficond_panel.tuning.thumbs import chosen_classes

    pocket = load_pocket(args.model)
    if args.classes:
        args.classes = chosen_classes(args.classes, pocket.students.classes)
    rules = pocket.abstaining(args.abstain) if args.abstain else None
    scores = pocket.scores(photos, note)
    predictions = predict(pocket.students, scores)
    predictions = rules.apply(predictions) if rules else predictions
    for photo, fault in faults_of(scores).items():
        note(f"{photo} cannot be read: {fault}.")
    facts = pocket.facts
    name = f"pocket of #{facts['node']['number']} {facts['node']['id']}"
    origin = {
        "model": str(pocket.path),
        "store_hash": facts["store"]["content_hash"],
        "students": name,
        "title": f"{name}, {facts['title']}",
    }
    test = partial(pocket.drift, scores)
    show_all(args, frames_of(args, pocket.students.task, origin, scores, predictions, rules, test))


def _check(args: argparse.Namespace, photos: list[str]) -> None:
    """Raise ``DataError`` for a flag of a spec, and for a spec among the photos."""
    given = [name for name in _OF_SPECS if getattr(args, name)]
    if given:
        flag = {"of": "spec"}.get(given[0], given[0].replace("_", "-"))
        raise DataError(
            f"--{flag} has no effect on a pocket, which needs no spec, store or encoder.",
            f"Leave --{flag} out, or --model.",
        )
    specs = [photo for photo in photos if photo.endswith(_SPECS)]
    if specs:
        raise DataError(
            f"{specs[0]} is a spec or a store, which a pocket does not need.",
            "Name photos alone: inficond predict --model pocket.onnx PHOTO",
        )
