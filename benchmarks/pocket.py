"""What does a pocket cost in quality and save in time, and does it keep what thumbs gain?

    python benchmarks/pocket.py SPEC [--store DIR] [--trunk efficientnet-lite0] [--sizes 272]
                                [--parts quality cost thumbs] [--pairs 6] [--seeds 1]
                                [--first-seed 0] [--rounds 9]

Three parts, each a line of JSON:

quality: a pocket of the original students per size, as ``inficond pocket`` learns it, on *tune* and
on the *holdout*: AP, fidelity and agreement of reasons of teacher, students, pocket and of the
same trunk without concepts. The trunk's features are kept beside the store, so seconds of a first
run and of a later one differ.

cost: onnxruntime, one thread, processor time, all in turns: the pocket in float32 and 8 bits, the
students' encoder, and with random weights a ResNet-50 (the teacher to replace) and the image tower
of ViT-B-16 (the default encoder).

thumbs: pairs of class and context are biased as in shift.py; 👍 on the class's word and ✕ on the
context's. Of each student before and after the thumbs a pocket is made; the layer to the scores
learns from the biased photos only. Rows are gains in AP points on the holdout, where the bias is
absent: of the student, of the pocket with refitted students, and of the pocket with students as
they are; and those of controls: thumbs on two random words, and a refit without a thumb.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.append(sys.path.pop(0))  # the package precompute, not the file of that name here

from shift_parts.cases import Case, biased_cases
from shift_parts.given import word_of
from shift_parts.runs import student_of

from inficond_panel.distill import average_precision
from inficond_panel.distill.ridge import Ridge, fit_ridge
from inficond_panel.export.pocket.certificate import Certificate
from inficond_panel.export.pocket.cost import costs_of
from inficond_panel.export.pocket.folder import make_files
from inficond_panel.export.pocket.learn import (
    LinearStudents,
    features_on,
    learn_pocket,
    refitted_students,
    trunk_name,
    used_concepts,
)
from inficond_panel.results.frame import records
from inficond_panel.tuning import Intent, Node, Tuner, open_tuner
from inficond_panel.vocabulary.intents import REMOVE, UP
from inficond_panel.vocabulary.splits import FIT, HOLDOUT, TUNE


def main() -> None:
    """Run the parts and print a line of JSON for each."""
    args = parse_args()
    tuner = open_tuner(args.spec, store=args.store, history=":memory:")
    if "quality" in args.parts:
        for size in args.sizes:
            print(json.dumps({"quality": quality(tuner, args, size)}), flush=True)
    for part in (cost, thumbs):
        if part.__name__ in args.parts:
            print(json.dumps({part.__name__: part(tuner, args)}), flush=True)


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("spec")
    parser.add_argument("--store")
    parser.add_argument("--trunk", default="efficientnet-lite0")
    parser.add_argument("--sizes", type=int, nargs="*", default=[272])
    parts = ("quality", "cost", "thumbs")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--pairs", type=int, default=6, help="biased students, per seed")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--first-seed", type=int, default=0)
    usual = {"least": (40, 10), "leak": 0.02, "shared": False, "half": None}
    parser.set_defaults(**usual, teacher="strong", fit=None, tune=None, most_shown=None)
    return parser.parse_args()


def quality(tuner: Tuner, args: argparse.Namespace, size: int) -> dict[str, Any]:
    """Return the tables of a pocket of the original students, and the seconds that it took."""
    wall, processor = time.perf_counter(), time.process_time()
    pocket = learn_pocket(tuner, tuner.root(), trunk_name(args.trunk, size), holdout=True)
    took = time.perf_counter() - wall, time.process_time() - processor
    return {
        "size": size,
        "seconds": took[0],
        "processor_seconds": took[1],
        "kind": pocket.kind,
        "used": len(pocket.used),
        "r2": [float(each) for each in np.nanpercentile(pocket.explained(), [10, 50, 90])],
        **{split: records(Certificate(pocket, split).quality()) for split in (TUNE, HOLDOUT)},
    }


def cost(tuner: Tuner, args: argparse.Namespace) -> dict[str, Any]:
    """Return the cost of pocket, encoder, and the two usual networks with random weights."""
    from open_clip import create_model
    from torchvision import models

    from precompute.pipeline.network_files import encoder_onnx
    from precompute.pipeline.pocket_features import module_onnx

    size = args.sizes[0] if args.sizes else 0
    pocket = learn_pocket(tuner, tuner.root(), trunk_name(args.trunk, size))
    (files,) = make_files([pocket])
    networks = {
        "pocket": files.model,
        **({"pocket, 8 bits": files.small} if files.small else {}),
        "students' encoder": encoder_onnx(tuner.spec, tuner.store),
        "ResNet-50": module_onnx(models.resnet50().eval(), (224, 224), "ResNet-50"),
        "ViT-B-16": module_onnx(create_model("ViT-B-16").visual.eval(), (224, 224), "ViT-B-16"),
    }
    found = {name: vars(each) for name, each in costs_of(networks, args.rounds).items()}
    return {"sentences": files.sentences, "costs": found}


def thumbs(tuner: Tuner, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return, per biased pair, the gains in AP points of student and pockets."""
    from precompute.pipeline.pocket_features import pocket_features, trunk_of

    store = tuner.store
    trunk = trunk_of(tuner.spec, store, trunk_name(args.trunk, args.sizes[0] if args.sizes else 0))
    splits = (FIT, TUNE, HOLDOUT)
    every = np.sort(np.concatenate([store.rows(split) for split in splits]))
    features = np.zeros((len(store.images), trunk.outputs))
    features[every] = features_on(pocket_features(tuner.spec, store, trunk, splits), every)
    place = {str(name): row for row, name in enumerate(store.images)}
    return [row for case in biased_cases(store, args) for row in _gains(case, features, place)]


def _gains(case: Case, features: NDArray, place: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Yield the gains of one pair, of thumbs and of controls."""
    assert case.pair is not None
    up, off = word_of(case.store, case.k), word_of(case.store, case.pair.context)
    if up is None or off is None or up == off:
        return
    students = student_of(case)
    tuner, name = students.tuner, case.store.classes[case.k]
    own = tuner.store
    of = {split: features[[place[str(own.images[row])] for row in own.rows(split)]]
          for split in (FIT, HOLDOUT)}  # fmt: skip
    rng = np.random.default_rng([case.seed, case.k, off])
    random = rng.choice([c for c in range(len(own.concepts)) if c not in (up, off)], 2, False)
    clicked = {"two thumbs": (up, off), "two random words": tuple(random.tolist()), "no thumb": ()}
    layer = fit_ridge(of[FIT], own.scores_of(FIT), own.groups_on(FIT))
    shown = layer.values(of[HOLDOUT])
    before = _each(tuner, students.node, layer, shown)
    row = {"class": name, "context": case.store.classes[case.pair.context], "seed": case.seed}
    for title, words in clicked.items():
        directions = zip(words, (UP.key, REMOVE.key), strict=False)
        edits = [Intent(name, own.concepts[c], direction) for c, direction in directions]
        node = tuner.fine_tune(students.node, edits) if edits else students.node
        after = _each(tuner, node, layer, shown)
        yield {
            **row,
            "title": title,
            "before": before,
            "gain": [100 * (new - old) for new, old in zip(after, before, strict=True)],
        }


def _each(tuner: Tuner, node: Node, layer: Ridge, shown: NDArray) -> list[float]:
    """Return the AP on the holdout: of a student, a pocket refitted to its targets, and a pocket
    with the student as it is. ``shown`` are the scores (m, C) of the holdout by the ``layer``, of
    all concepts."""
    store = tuner.store
    rows = store.rows(HOLDOUT)
    label = store.label[rows, 0]
    used = used_concepts(tuner, node)
    made = refitted_students(tuner, node, layer.unseen[:, used], used)
    pockets = [
        (shown[:, used] @ of.weights + of.intercepts)[:, 0]
        for of in (made, LinearStudents(node.weights[used], node.intercepts))
    ]
    logits = tuner.logits(node, rows)[:, 0], *pockets
    known = label >= 0
    return [float(average_precision(label[known], each[known])) for each in logits]


if __name__ == "__main__":
    main()
