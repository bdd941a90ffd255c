"""Load a spec's teacher, and hash all inputs that its logits depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp

from inficond_panel.common.devices import CPU
from inficond_panel.errors import DataError
from inficond_panel.spec import Spec
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.spec.sections.teacher import (
    HeadTeacher,
    NetworkTeacher,
    OpenClipTeacher,
    PythonTeacher,
    TransformersTeacher,
)
from inficond_panel.spec.sections.teacher import Teacher as TeacherSection
from inficond_panel.store.network_weights import file_digest
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.results import key_of
from precompute.batches.run import encoder_key, loaded
from precompute.datasets import Dataset
from precompute.datasets.python_source import check_allowed, source
from precompute.encoder import encoder_digest, load_encoder
from precompute.encoder.hub import fetch_model, model_digest
from precompute.encoder.image import Preprocessing
from precompute.teachers.outputs import resolved
from precompute.teachers.teacher import Prepares, Teacher, TorchTeacher, section_with
from precompute.teachers.timm_models import load_query2label, load_timm, load_torchvision
from precompute.teachers.transformers_models import load_transformers, load_zero_shot
from precompute.teachers.whole_models import load_onnx, load_python, load_torchscript

#: Kinds of teachers that ``network_of`` can load as a network.
_NETWORKS = ("timm", "torchvision", "torchscript", "query2label")


def load_teacher(
    teacher: NetworkTeacher,
    classes: Sequence[str],
    encoder: EncoderSection | None = None,
    corpus: Sequence[str] = (),
    device: str = CPU,
) -> Teacher:
    """Load a spec's teacher, of any kind that is a network from photos to logits.

    A zero-shot teacher uses by default ``encoder``, the section of the concepts' encoder, and
    ``corpus``, the concepts' words. Raises ``DataError`` for files that do not match the spec and
    an unavailable ``device``, and ``MissingExtraError`` if packages of the extra are missing.
    """
    if isinstance(teacher, OpenClipTeacher):
        model = load_encoder(encoder_of(teacher, encoder), device)
        return load_zero_shot(teacher, classes, model, corpus)
    teacher = resolved(teacher, classes)
    loaders: dict[str, Callable[[Any, Sequence[str], str], Teacher]] = {
        "torchscript": load_torchscript,
        "onnx": load_onnx,
        "timm": load_timm,
        "torchvision": load_torchvision,
        "query2label": load_query2label,
        "transformers": load_transformers,
        "python": load_python,
    }
    return loaders[teacher.kind](teacher, classes, device)


def fetch_teacher(teacher: TeacherSection) -> None:
    """Download a spec's teacher if it is a model on the hub.

    Raises ``DataError`` if the teacher is Python code that is not allowed.
    """
    if isinstance(teacher, PythonTeacher):
        check_allowed(teacher)
    if isinstance(teacher, TransformersTeacher):
        fetch_model(teacher.model)


def load_embedding(
    teacher: HeadTeacher, encoder: EncoderSection | None, device: str = CPU, kept: bool = False
) -> TorchTeacher:
    """Load the image tower that a teacher's heads use; its outputs are unit embeddings of photos.

    With ``kept`` an equal encoder that is still loaded, such as the segments', is reused.
    """
    tower = encoder_of(teacher, encoder)
    load = partial(load_encoder, tower, device)
    model = loaded(encoder_key(tower), load) if kept else load()
    model.model.requires_grad_(False)
    width = model.embed_text(["a"]).shape[1]
    network = partial(model.model.encode_image, normalize=True)
    return TorchTeacher(network, model.squash, tuple(range(width)), width, device=model.device)


def network_of(spec: Spec, name: str, classes: Sequence[str]) -> tuple[Any, Preprocessing]:
    """Return the network ``name`` (``encoder`` or ``teacher``) of a spec, and its preprocessing.

    Photos are resized to the network's size without a crop, so that every pixel is measured.
    Raises ``DataError`` for a teacher that is not a network with gradients.
    """
    if name == "encoder":
        encoder = load_encoder(section_with(spec.concepts.encoder, image_size=None))
        network, preprocessing = encoder.model.visual, encoder.squash
    else:
        section: Any = spec.teacher
        teacher = load_teacher(section, classes) if section.kind in _NETWORKS else None
        settings = getattr(teacher, "preprocessing", None)
        if not isinstance(teacher, TorchTeacher) or not isinstance(settings, Preprocessing):
            raise DataError(
                f"The spec's teacher is of kind {spec.teacher.kind}, whose layers and gradients "
                "cannot be read.",
                f"Use --network encoder, or a spec with a teacher of kind {', '.join(_NETWORKS)}.",
            )
        network, preprocessing = teacher.network, settings
    for parameter in getattr(network, "parameters", list)():
        parameter.requires_grad_(False)
    return network, replace(preprocessing, crop=0.0)


def batch_of(teacher: NetworkTeacher, encoder: EncoderSection | None) -> int:
    """Return the teacher's batch size; for heads that set none, the batch size of their encoder."""
    if isinstance(teacher, HeadTeacher) and teacher.batch is None:
        return int(encoder_of(teacher, encoder).batch)
    return int(teacher.batch)


def encoder_of(
    teacher: OpenClipTeacher | HeadTeacher, encoder: EncoderSection | None
) -> EncoderSection:
    """Return the teacher's encoder section; if None, the concepts' one at its training size."""
    if teacher.encoder is not None:
        return teacher.encoder
    if encoder is None:
        raise ValueError(
            "the teacher has no encoder: set teacher.encoder, or pass the concepts' encoder"
        )
    return section_with(encoder, image_size=None)


#: Version of the teachers' code: increment it when equal inputs give other logits than before.
RECIPE = 2


def teacher_inputs(
    teacher: TeacherSection,
    dataset: Dataset,
    digests: Sequence[str],
    encoder: EncoderSection | None = None,
    corpus: Sequence[str] = (),
) -> dict[str, Any]:
    """Return all inputs that the logits depend on: settings, SHA-256 of files, images.

    ``digests`` are the images' digests; ``encoder`` is the section of the concepts' encoder. Raises
    ``DataError`` for a file that cannot be read.
    """
    inputs = network_inputs(teacher, dataset.classes, encoder, corpus)
    inputs["ids"] = list(dataset.ids)
    if not isinstance(teacher, NetworkTeacher):
        return inputs
    inputs["photos"] = key_of("photos", list(digests))
    if teacher.kind == "head" or teacher.oracle:
        inputs["split"] = list(dataset.split)
        inputs["label"] = dataset.label[fit_rows(dataset)].tobytes().hex()
    return inputs


def network_inputs(
    teacher: TeacherSection,
    classes: Sequence[str],
    encoder: EncoderSection | None = None,
    corpus: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the inputs that a teacher's logits depend on, without the photos."""
    inputs: dict[str, Any] = {
        "recipe": RECIPE,
        "settings": settings(teacher, encoder),
        "classes": list(classes),
    }
    if isinstance(teacher, OpenClipTeacher) and not teacher.background:
        inputs["corpus"] = list(corpus)
    return inputs


def pass_keys(inputs: dict[str, Any]) -> dict[str, str]:
    """Return the hash of the inputs of each pass (logits, oracle, features) through a network.

    ``inputs`` are from ``network_inputs``. A photo's values in a pass depend on this hash, on the
    photo and its batch, and for the oracle on its labels. A head's features depend on the encoder
    alone; its oracle depends on all of ``fit``."""
    values, recipe = inputs["settings"], inputs["recipe"]
    if "folds" in values:
        return {"features": key_of("features", [recipe, values["encoder"], values["batch"]])}
    plain = {name: value for name, value in values.items() if name != "oracle"}
    logits = key_of("logits", [recipe, plain, inputs["classes"], inputs.get("corpus")])
    if not values.get("oracle"):
        return {"logits": logits}
    return {"logits": logits, "oracle": key_of("oracle", [logits, values["oracle"]])}


def settings(section: Section, encoder: EncoderSection | None = None) -> dict[str, Any]:
    """Return a spec section as plain data, with files as hashes and encoders as digests.

    Keys of newer versions are included only if they change logits, so that stores stay up to date.
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
    """Return what ``settings`` includes for a key that newer versions added; {} for ``order``."""
    first = key == "outputs" and section.values()["kind"] in ("torchscript", "onnx")
    if first:  # these kinds have had the key since the first version
        return {key: value or "logits"}
    return {key: value} if value in ("probabilities", "softmax") else {}


def fit_rows(dataset: Dataset) -> np.ndarray:
    """Return the positions of the training images (``fit``)."""
    return np.flatnonzero(np.array(dataset.split) == FIT)


def described(
    teacher: TeacherSection, settings: dict[str, Any], preprocessing: Prepares | None = None
) -> dict[str, Any]:
    """Return a store's attributes on its teacher: name, kind, digest of settings, preprocessing."""
    plain = preprocessing.plain() if preprocessing else None
    text = json.dumps([settings, plain], sort_keys=True)
    attrs: dict[str, Any] = {
        "teacher": teacher.title,
        "teacher_kind": teacher.kind,
        "teacher_digest": hashlib.sha256(text.encode()).hexdigest(),
    }
    if teacher.softmax:
        attrs["teacher_activation"] = "softmax"
    return {**attrs, "teacher_preprocessing": plain} if plain else attrs


def oracle_record(
    teacher: NetworkTeacher, dataset: Dataset, logit: np.ndarray, oracle: np.ndarray | None
) -> dict[str, Any]:
    """Return the store attribute ``oracle``: gamma (step size), mean losses of teacher and oracle
    on ``fit``; {} if ``oracle`` is None.

    ``logit`` and ``oracle`` have the data set's classes, with a softmax also the other classes.
    """
    if oracle is None:
        return {}
    rows = fit_rows(dataset)
    rows = rows[np.isfinite(oracle[rows]).all(1)]
    label = dataset.label[rows]
    record = {
        "gamma": teacher.oracle.gamma,
        "images": len(rows),
        "loss": "cross-entropy of an image's class"
        if teacher.softmax
        else "sum over an image's known labels of the binary cross-entropy",
        "task_loss": _mean_loss(logit[rows], label, teacher.softmax),
        "reinforced_task_loss": _mean_loss(oracle[rows], label, teacher.softmax),
    }
    return {"oracle": record}


def _mean_loss(logit: np.ndarray, label: np.ndarray, softmax: bool) -> float | None:
    wide = logit.astype(np.float64)
    if softmax:
        known = (label == 1).any(axis=1)
        chosen = np.take_along_axis(wide, label.argmax(axis=1)[:, None], 1)[:, 0]
        losses = np.where(known, logsumexp(wide, axis=1) - chosen, 0)
    else:
        losses = np.where(label >= 0, np.logaddexp(0, wide) - (label == 1) * logit, 0).sum(1)
    return round(float(losses.mean()), 6) if len(label) else None


def too_large(attrs: dict[str, Any]) -> tuple[str, ...]:
    """Return a warning if the oracle's mean loss is not below the teacher's, () otherwise."""
    oracle = attrs.get("oracle")
    if not oracle or not oracle["images"] or oracle["reinforced_task_loss"] < oracle["task_loss"]:
        return ()
    return (
        f"the oracle's mean loss, {oracle['reinforced_task_loss']:g}, is not below the teacher's, "
        f"{oracle['task_loss']:g}: gamma {oracle['gamma']:g} is too large, or no image has a label",
    )
