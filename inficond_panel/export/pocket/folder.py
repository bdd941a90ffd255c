"""The folder of a pocket: ONNX files, what ``predict`` needs beside them, and the certificate."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from inficond_panel.common.installation import needs
from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import count, number
from inficond_panel.common.progress import Progress, no_progress, part_of
from inficond_panel.distill.metrics.bootstrap import class_mean
from inficond_panel.distill.sources import Array
from inficond_panel.errors import ExportError, InficondError
from inficond_panel.export.card_markdown import escape
from inficond_panel.export.network.folder import CARD, CARD_JSON, markdown_table
from inficond_panel.export.pocket.certificate import (
    POCKET_ROW,
    SMALL_ROW,
    STUDENTS_ROW,
    TEACHER_ROW,
    Certificate,
    average_precisions,
)
from inficond_panel.export.pocket.cost import Cost, costs_of
from inficond_panel.export.pocket.graph import (
    CALIBRATION,
    FORMAT,
    POCKET_OUTPUTS,
    VERSION,
    pocket_bytes,
    quantized,
    session_of,
)
from inficond_panel.export.pocket.learn import Pocket, has_roots, outcomes_of
from inficond_panel.results.frame import document
from inficond_panel.store.network_weights import file_digest
from inficond_panel.tuning.node import weights_hash
from inficond_panel.version import __version__
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import FIT, TUNE

if TYPE_CHECKING:
    from inficond_panel.spec import Spec
    from inficond_panel.store import Store

#: Files of a folder: the network, that of 8-bit integers, and what ``predict`` needs of the store.
MODEL, MODEL_SMALL, REFERENCE = "pocket.onnx", "pocket-int8.onnx", "reference.npz"
#: Largest fall of the mean AP for which the network of 8-bit integers is kept.
LARGEST_FALL = 0.005
#: Photos on which the ONNX file is compared with torch, and allowed differences of logits: median
#: over the photos, and largest.
COMPARED, TOLERANCE, STEP = 64, 1e-3, 1e-2
#: Fall of the mean AP from which on the pocket's loss is told in words.
LOSS = 0.015
#: Images after which a line of progress follows.
_TOLD = 100


@dataclass(frozen=True, eq=False)
class PocketFiles:
    """A pocket as ONNX files, compared and measured: ``model``, and ``small`` of 8-bit integers,
    empty if it is not kept, and then ``no_small`` says why; ``differences`` from torch: median and
    largest of a logit."""

    certificate: Certificate
    model: bytes
    small: bytes
    no_small: str
    differences: tuple[float, float]

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """Tables of the certificate by name."""
        made = self.certificate
        return {
            "quality": made.quality(),
            "cost": made.cost(),
            "groups": made.groups(),
            "concepts": made.concepts(),
        }

    @property
    def sentences(self) -> list[str]:
        """Sentences on the choice of students, the comparison with torch, and the small model."""
        pocket = self.certificate.pocket
        spent = pocket.tuner.spent(pocket.node, self.certificate.split)
        usual, largest = self.differences
        lines = [
            f"The pocket has the {pocket.kind}: their mean AP on tune is the higher one.",
            f"On {COMPARED} photos or fewer of tune, logits of {MODEL} differ from torch by "
            f"{usual:.0e} at the median, {largest:.0e} at most.",
            *loss_sentence(self.certificate.ap_change),
            *dearer_sentence(self.certificate.costs),
            *tuning_sentence(pocket.errors),
            *([self.no_small] if self.no_small else []),
        ]
        if spent:
            lines.append(
                f"Repairs of {count(len(spent), 'class')} used labels of tune. There the students "
                "are cross-fitted, the pocket is not: look at the holdout."
            )
        return lines


def dearer_sentence(costs: Mapping[str, Cost]) -> Iterator[str]:
    """Yield the sentence that a pocket takes longer than the teacher that it stands for."""
    teacher, pocket = (costs.get(name) for name in (TEACHER_ROW, POCKET_ROW))
    if teacher and pocket and pocket.milliseconds > teacher.milliseconds:
        yield (
            f"The pocket takes {number(pocket.milliseconds, 1)} ms per photo, the teacher "
            f"{number(teacher.milliseconds, 1)}: it is no cheaper, only readable. A smaller "
            "image size or backbone may be."
        )


def loss_sentence(change: Interval) -> Iterator[str]:
    """Yield a sentence on the ``change`` of the mean AP from students to pocket if it is a fall by
    more than ``LOSS``, and not by chance."""
    if change.high < -LOSS:
        told = change.text(1, scale=100, unit="points", sign=True)
        yield (
            f"From the students to the pocket the mean AP changes by {told}. Larger photos, or "
            "another trunk, may keep more."
        )


def tuning_sentence(errors: tuple[float, ...]) -> Iterator[str]:
    """Yield a sentence on fine-tuning with these errors on tune; nothing for a frozen trunk."""
    if errors:
        best, ran = int(np.argmin(errors)), count(len(errors) - 1, "epoch")
        yield (
            f"The trunk was fine-tuned for {ran}; epoch {best} had the least error of the scores "
            f"on tune, {errors[best]:.3f} ({errors[0]:.3f} at first)."
            if best
            else f"The trunk is as it was: {ran} of fine-tuning had no smaller error on tune."
        )


def make_files(
    pockets: Sequence[Pocket], split: str = TUNE, progress: Progress = no_progress
) -> list[PocketFiles]:
    """Return pockets as ONNX files with their certificates on a split; nothing is written. What
    they cost is measured together, in one run.

    Raises ``ExportError`` for a trunk that cannot be written as ONNX, and for logits that differ
    from torch by more than ``TOLERANCE`` in the median of photos, or ``STEP`` on any.
    """
    share = 0.8 / len(pockets)
    made = [
        _unmeasured(pocket, split, part_of(progress, share * n, share * (n + 1)))
        for n, pocket in enumerate(pockets)
    ]
    progress(0.8, "Measuring what each model costs")
    others, notes = networks_of(pockets[0].tuner.spec, pockets[0].tuner.store)
    models = {(0, name): model for name, model in others.items()} | {
        (number, name): model
        for number, files in enumerate(made, 1)
        for name, model in ((POCKET_ROW, files.model), (SMALL_ROW, files.small))
        if model
    }
    costs = costs_of(models)
    return [
        _with_costs(
            files, {name: cost for (of, name), cost in costs.items() if of in (0, n)}, notes
        )
        for n, files in enumerate(made, 1)
    ]


def _unmeasured(pocket: Pocket, split: str, progress: Progress) -> PocketFiles:
    """Return a pocket's files with a certificate without costs."""
    with needs("A pocket", "precompute", "onnx"):
        from precompute.pipeline.pocket_features import trunk_onnx  # noqa: PLC0415 - an extra
    progress(0.0, "Writing the pocket as ONNX")
    trunk = trunk_onnx(pocket.network.trunk)
    model = _model(pocket, trunk, "float32")
    differences = _compared(pocket, model)
    small, values, why = _small(pocket, trunk, split, part_of(progress, 0.3, 1.0))
    return PocketFiles(Certificate(pocket, split, small=values), model, small, why, differences)


def _with_costs(files: PocketFiles, costs: dict[str, Cost], notes: dict[str, str]) -> PocketFiles:
    count = _multiplications(files.certificate.pocket)  # torch counts what padding hides in ONNX
    own = {
        name: replace(cost, multiplications=count) if name in (POCKET_ROW, SMALL_ROW) else cost
        for name, cost in costs.items()
    }
    return replace(files, certificate=replace(files.certificate, costs=own, notes=notes))


def _multiplications(pocket: Pocket) -> float:
    """Return the multiplications of a pocket per photo: of its trunk, and of its linear layers."""
    from precompute.teachers.multiplications import of_module  # noqa: PLC0415 - an extra

    trunk = pocket.network.trunk
    width, height = trunk.preprocessing.size
    layers = pocket.layer.weight.size + pocket.students.weights.size
    return of_module(trunk.module, (height, width)) + layers


def _model(pocket: Pocket, trunk: bytes, numbers: str) -> bytes:
    card = {"versions": {"inficond-panel": __version__}}
    students, layer = pocket.exported(card), pocket.layer
    facts = pocket_facts(pocket, numbers)
    roots = has_roots(pocket.network)
    return pocket_bytes(trunk, layer.weight, layer.bias, students, facts, roots=roots)


def pocket_facts(pocket: Pocket, numbers: str) -> dict[str, Any]:
    """Return the metadata of a pocket's ONNX file as plain data: all that a page or a program needs
    to prepare a photo, and to say what decided."""
    tuner, node, students = pocket.tuner, pocket.node, pocket.students
    store, trunk = tuner.store, pocket.network.trunk
    base = students.intercepts + pocket.mean_score @ students.weights
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "title": store.title,
        "classes": list(store.classes),
        "concepts": pocket.concepts,
        "weights": students.weights.T.tolist(),
        "intercepts": students.intercepts.tolist(),
        "base": base.tolist(),
        "mean_score": pocket.mean_score.tolist(),
        "spread_of_score": pocket.layer.unseen.std(axis=0).tolist(),
        "thresholds": list(tuner.thresholds),
        "task": store.task,
        "link": tuner.spec.students.link,
        "r2": [None if np.isnan(each) else float(each) for each in pocket.explained()],
        "students": pocket.kind,
        "average_precision": average_precisions(pocket),
        "trunk": {"name": trunk.title, "digest": trunk.digest, "numbers": numbers},
        "preprocessing": trunk.preprocessing.plain(),
        "grey": getattr(tuner.spec.dataset, "grey", None),
        "outputs": list(POCKET_OUTPUTS),
        "teacher": store.attrs["teacher"],
        "node": {"id": node.id, "number": node.number, "weights_hash": node.weights_hash},
        "weights_hash": weights_hash(students.weights, students.intercepts),
        "store": {key: store.attrs[key] for key in ("content_hash", "inputs_hash")},
        "version": __version__,
    }


def _compared(pocket: Pocket, model: bytes) -> tuple[float, float]:
    """Return the median and the largest difference of a logit from torch on photos of ``tune``."""
    store = pocket.tuner.store
    rows = store.rows(TUNE)
    at = np.unique(np.linspace(0, len(rows) - 1, COMPARED).astype(int))
    expected = pocket.logits(TUNE)[at]
    logits, _ = _run(pocket, model, rows[at])
    differences = np.abs(logits - expected).max(axis=1)
    usual, largest = float(np.median(differences)), float(differences.max())
    scale = max(1.0, float(np.abs(expected).max()))
    if not (usual <= TOLERANCE * scale and largest <= STEP * scale):
        raise ExportError(
            f"The logits of the ONNX file differ from torch by {usual:.1g} (median of {len(at)} "
            f"photos), at most {largest:.1g}; {TOLERANCE * scale:.1g} and {STEP * scale:.1g} are "
            "allowed.",
            "Choose another trunk.",
        )
    return usual, largest


def _run(
    pocket: Pocket, model: bytes, rows: np.ndarray, progress: Progress = no_progress
) -> tuple[Array, Array]:
    """Return logits ``(n, K)`` and scores ``(n, C)`` of images of the store by an ONNX model."""
    session, store = session_of(model, threads=0), pocket.tuner.store
    found = []
    for done, row in enumerate(rows):
        if done % _TOLD == 0:
            progress(done / len(rows), f"8-bit integers: {done} of {count(len(rows), 'image')}")
        pixels = pocket.network.prepared([store.images[row]])
        found.append(session.run(["logits", "score"], {"pixels": pixels}))
    logits, scores = (np.concatenate(each).astype(np.float64) for each in zip(*found, strict=True))
    return logits, scores


def _small(
    pocket: Pocket, trunk: bytes, split: str, progress: Progress
) -> tuple[bytes, tuple[Array, Array] | None, str]:
    """Return the model of 8-bit integers, its logits and scores on a split, and why it is not kept:
    its mean AP on ``tune`` must not fall by more than ``LARGEST_FALL``."""
    tuner, store = pocket.tuner, pocket.tuner.store
    rows = store.rows(TUNE)
    progress(0.0, "Trying 8-bit integers")
    at = np.unique(np.linspace(0, len(rows) - 1, CALIBRATION).astype(int))
    photos: Iterator[np.ndarray] = (
        pocket.network.prepared([store.images[row]])[0] for row in rows[at]
    )
    try:
        model = _model(pocket, quantized(trunk, photos), "int8")
        values = _run(pocket, model, rows, progress)
    except InficondError:
        raise
    except Exception as error:  # onnxruntime raises many kinds for graphs that it cannot turn
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        return b"", None, f"There is no model of 8-bit integers: {reason}"
    whole, small = (
        float(class_mean(outcomes_of(tuner, logits, TUNE), AP.key)[0])
        for logits in (pocket.logits(TUNE), values[0])
    )
    if not whole - small <= LARGEST_FALL:
        return (
            b"",
            None,
            (
                f"The model of 8-bit integers is not kept: its mean AP on tune falls by "
                f"{100 * (whole - small):.1f} points, more than {100 * LARGEST_FALL:g}."
            ),
        )
    return model, values if split == TUNE else _run(pocket, model, store.rows(split)), ""


def networks_of(spec: Spec, store: Store) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the teacher and the students' encoder as ONNX models, and by name a note: what is
    measured, or why it cannot be."""
    from precompute.pipeline.network_files import encoder_onnx, teacher_onnx  # noqa: PLC0415

    models, notes = dict[str, bytes](), dict[str, str]()
    for name, make, what in (
        (TEACHER_ROW, teacher_onnx, ""),
        (STUDENTS_ROW, encoder_onnx, "their encoder alone, without segments"),
    ):
        try:
            models[name] = make(spec, store)
            notes[name] = what
        except InficondError as error:
            notes[name] = f"not measured: {error.message}"
    return models, notes


def fill_folder(files: PocketFiles, folder: Path) -> list[str]:
    """Write a pocket and its cards to a folder; return the files' names."""
    folder.mkdir(exist_ok=True)
    contents = {MODEL: files.model, **({MODEL_SMALL: files.small} if files.small else {})}
    contents[REFERENCE] = _reference(files.certificate.pocket)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    card = pocket_card(files, {name: file_digest(folder / name) for name in contents})
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / CARD_JSON).write_text(text, encoding="utf-8")
    (folder / CARD).write_text(_card_text(files, card), encoding="utf-8")
    return [*contents, CARD, CARD_JSON]


def _reference(pocket: Pocket) -> bytes:
    """Return what ``predict`` compares new photos with: scores of ``fit``, and labels and logits of
    ``tune``, for drift and for abstaining."""
    store, buffer = pocket.tuner.store, io.BytesIO()
    np.savez_compressed(
        buffer,
        fit_score=pocket.layer.unseen.astype(np.float32),
        tune_logit=pocket.logits(TUNE),
        tune_label=store.label[store.rows(TUNE)],
        weights_hash=np.array(weights_hash(pocket.students.weights, pocket.students.intercepts)),
    )
    return buffer.getvalue()


def pocket_card(files: PocketFiles, digests: dict[str, str]) -> dict[str, Any]:
    """Return the facts on a pocket as plain data, with the SHA-256 of its files."""
    pocket = files.certificate.pocket
    facts = pocket_facts(pocket, "float32")
    left = ("weights", "intercepts", "base", "mean_score", "spread_of_score", "concepts", "r2")
    return {
        **{key: value for key, value in facts.items() if key not in left},
        "split": files.certificate.split,
        "fit_images": len(pocket.tuner.store.rows(FIT)),
        "used_concepts": len(pocket.concepts),
        "sentences": files.sentences,
        **{name: document(frame) for name, frame in files.frames.items()},
        "files": digests,
    }


def _card_text(files: PocketFiles, card: dict[str, Any]) -> str:
    """Return the card of a pocket as Markdown."""
    frames, node = files.frames, card["node"]
    parts = [
        f"# Pocket: {escape(card['title'])}",
        f"A small network from a photo's pixels to the scores of {card['used_concepts']} concepts, "
        f"and students over them, on the trunk {escape(card['trunk']['name'])}. The linear layer "
        f"to the scores was fitted to the scores that {card['fit_images']:,} images have in "
        f"the store. The students are those of iteration #{node['number']} ({node['id']}); "
        f"teacher: {escape(card['teacher'])}.",
        *(escape(line) for line in files.sentences),
        "## What it costs in quality",
        markdown_table(frames["quality"]),
        "## What it costs on the machine that made it",
        markdown_table(frames["cost"]),
        "## Images named, by group",
        markdown_table(frames["groups"]),
        "## Scores that the concept layer knows least",
        markdown_table(frames["concepts"]),
        "## Files",
        "\n".join(f"- `{name}`: SHA-256 {digest}" for name, digest in card["files"].items()),
    ]
    return "\n\n".join(parts) + "\n"
