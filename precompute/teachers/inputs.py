"""Inputs that a teacher's logits depend on, as plain values that hash."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.spec.sections.package_teachers import PythonTeacher, TransformersTeacher
from inficond_panel.spec.sections.teacher import (
    HeadTeacher,
    NetworkTeacher,
    OpenClipTeacher,
    Teacher,
)
from inficond_panel.store.network_weights import file_digest
from precompute.batches.stages import key_of
from precompute.datasets import Dataset
from precompute.datasets.python_function import source
from precompute.encoder import encoder_digest
from precompute.encoder.model_files import model_digest
from precompute.teachers.loading import batch_of, encoder_of
from precompute.teachers.record import fit_rows

#: Raise it when the same inputs no longer give the same logits.
RECIPE = 2


def teacher_inputs(
    section: Teacher,
    dataset: Dataset,
    digests: Sequence[str],
    encoder: EncoderSection | None = None,
    corpus: Sequence[str] = (),
) -> dict[str, Any]:
    """All that the logits depend on: settings, SHA-256 of files, images.

    ``digests`` are the images'; ``encoder`` is the section of the concepts' encoder. Raises
    ``DataError`` for a file that cannot be read.
    """
    inputs = network_inputs(section, dataset.classes, encoder, corpus)
    inputs["ids"] = list(dataset.ids)
    if not isinstance(section, NetworkTeacher):
        return inputs
    inputs["photos"] = key_of("photos", list(digests))
    if section.kind == "head" or section.oracle:
        inputs["split"] = list(dataset.split)
        inputs["label"] = dataset.label[fit_rows(dataset)].tobytes().hex()
    return inputs


def network_inputs(
    section: Teacher,
    classes: Sequence[str],
    encoder: EncoderSection | None = None,
    corpus: Sequence[str] = (),
) -> dict[str, Any]:
    """Inputs that the teacher itself depends on, whatever the photos."""
    inputs: dict[str, Any] = {
        "recipe": RECIPE,
        "settings": settings(section, encoder),
        "classes": list(classes),
    }
    if isinstance(section, OpenClipTeacher) and not section.background:
        inputs["corpus"] = list(corpus)
    return inputs


def pass_keys(inputs: dict[str, Any]) -> dict[str, str]:
    """Key of each pass of the photos through a network, from ``network_inputs``.

    A photo's values in a pass depend on this key, on the photo and its batch, and for the oracle
    on its labels. A head's features depend on the encoder alone; its oracle, on all of ``fit``.
    """
    known, recipe = inputs["settings"], inputs["recipe"]
    if "folds" in known:
        return {"features": key_of("features", [recipe, known["encoder"], known["batch"]])}
    plain = {name: value for name, value in known.items() if name != "oracle"}
    logits = key_of("logits", [recipe, plain, inputs["classes"], inputs.get("corpus")])
    if not known.get("oracle"):
        return {"logits": logits}
    return {"logits": logits, "oracle": key_of("oracle", [logits, known["oracle"]])}


def settings(section: Section, encoder: EncoderSection | None = None) -> dict[str, Any]:
    """A section as JSON; a file stands for itself by its hash, an encoder by its digest.

    Of the keys that came later only what changes logits is there, so that stores stay up to date.
    """
    plain: dict[str, Any] = {}
    for key, value in section.values().items():
        if key in ("outputs", "activation", "order"):
            plain.update(_later(section, key, value))
        elif isinstance(section, OpenClipTeacher | HeadTeacher) and key == "encoder":
            chosen = encoder_of(section, encoder)
            plain[key] = [encoder_digest(chosen), chosen.image_size]
        elif isinstance(section, NetworkTeacher) and key == "batch":
            plain[key] = batch_of(section, encoder)
        elif isinstance(section, TransformersTeacher) and key == "model":
            plain[key] = model_digest(value)
        elif isinstance(section, PythonTeacher) and key == "function":
            plain[key] = list(source(value))
        elif isinstance(value, Path):
            plain[key] = file_digest(value)
        else:
            plain[key] = settings(value) if isinstance(value, Section) else value
    return plain


def _later(section: Section, key: str, value: str | None) -> dict[str, str]:
    """Hashed part of a key that came after the first stores were made; ``order`` has none."""
    first = key == "outputs" and section.values()["kind"] in ("torchscript", "onnx")
    if first:  # had it from the start
        return {key: value or "logits"}
    return {key: value} if value in ("probabilities", "softmax") else {}
