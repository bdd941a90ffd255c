"""Load a spec's teacher, and hash all inputs that its logits depend on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.devices import CPU
from inficond_panel.errors import DataError
from inficond_panel.spec import Spec
from inficond_panel.spec.faults import about
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.spec.sections.functions import FunctionTeacher, check_allowed
from inficond_panel.spec.sections.teacher import (
    HeadTeacher,
    LogitsTeacher,
    NetworkTeacher,
    OnnxTeacher,
    OpenClipTeacher,
    TransformersTeacher,
)
from inficond_panel.spec.sections.teacher import Teacher as TeacherSection
from inficond_panel.store.network_weights import files_digest, weights_files
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.results import key_of
from precompute.batches.run import encoder_key, loaded
from precompute.datasets import Dataset
from precompute.encoder import encoder_digest, load_encoder
from precompute.encoder.function_encoder import FunctionEncoder
from precompute.encoder.hub import fetch_model, model_digest
from precompute.encoder.image import Preprocessing
from precompute.functions import source
from precompute.teachers.head import check_labels
from precompute.teachers.onnx_file import onnx_files
from precompute.teachers.outputs import resolved
from precompute.teachers.tables import other_classes, read_logits
from precompute.teachers.teacher import Teacher, TorchTeacher
from precompute.teachers.timm_models import load_query2label, load_timm, load_torchvision
from precompute.teachers.transformers_models import load_transformers, load_zero_shot
from precompute.teachers.whole_models import (
    PhotoVectors,
    check_onnx,
    load_onnx,
    load_python,
    load_torchscript,
)

#: Kinds of teachers that ``network_of`` can load as a network.
_NETWORKS = ("timm", "torchvision", "torchscript", "query2label")
#: Keys of heads that belong to their encoder, and what stands for them without an encoder.
_OF_ENCODER, _OF_WORDS = ("encoder", "batch"), "words of captions"
#: Version of the teachers' code: increment it when equal inputs give other logits than before.
RECIPE = 2


@dataclass(frozen=True)
class TeacherSource:
    """A spec's teacher, with all that its logits depend on except the photos.

    ``section`` names its outputs (``resolved``); ``classes`` are the data set's. A teacher without
    an encoder takes the concepts' encoder, ``concept_encoder``; a zero-shot teacher without a
    background takes the names of the ``concepts``. No hash depends on the ``device``."""

    section: Any
    classes: Sequence[str]
    concept_encoder: EncoderSection | None = None
    concepts: Sequence[str] = ()
    device: str = CPU

    @classmethod
    def of(cls, spec: Spec, classes: Sequence[str], concepts: Sequence[str]) -> TeacherSource:
        """Return the teacher of ``spec``; raise ``DataError`` for a class without an output."""
        section = resolved(spec.teacher, classes)
        return cls(section, classes, spec.concepts.encoder, concepts, spec.device)

    @property
    def encoder(self) -> EncoderSection:
        """The section's encoder; if None, the concepts' encoder at its training size."""
        if self.section.encoder is not None:
            return self.section.encoder
        if self.concept_encoder is None:
            raise ValueError(
                "the teacher has no encoder: set teacher.encoder, or pass the concepts' encoder"
            )
        return _of_training(self.concept_encoder)

    @property
    def of_words(self) -> bool:
        """True for heads on words of captions: no encoder is there."""
        heads = isinstance(self.section, HeadTeacher)
        return heads and self.concept_encoder is None and self.section.encoder is None

    @property
    def batch(self) -> int:
        """Batch size of the network; for heads that set none, the batch size of their encoder."""
        return int(self.section.batch or self.encoder.batch)

    @property
    def others(self) -> list[str]:
        """The teacher's classes that the data set lacks if a softmax includes them, or []."""
        named = getattr(self.section, "classes", ())
        return other_classes(self.classes, named) if self.section.softmax else []

    def check(self, dataset: Dataset) -> None:
        """Raise ``DataError`` for a table without the logits of a data set, or for heads that
        cannot be fitted to its labels: early, before slow work."""
        if isinstance(self.section, LogitsTeacher):
            with about("teacher.path"):
                read_logits(self.section, dataset.ids, dataset.classes)
        if isinstance(self.section, HeadTeacher):
            check_labels(dataset.label[fit_rows(dataset)], dataset.classes)

    def load(self, kept: bool = False) -> Teacher:
        """Load the network from photos to logits, or for heads the image tower that they use, from
        photos to unit embeddings.

        With ``kept`` heads reuse an equal encoder that is still loaded, such as the segments'.
        Raises ``DataError`` for files that do not match the spec and an unavailable ``device``, and
        ``MissingExtraError`` if packages of the extra are missing.
        """
        section = self.section
        if isinstance(section, HeadTeacher):
            load = partial(load_encoder, self.encoder, self.device)
            model = loaded(encoder_key(self.encoder), load) if kept else load()
            if isinstance(model, FunctionEncoder):
                return PhotoVectors(model)
            model.model.requires_grad_(False)
            width = model.embed_text(["a"]).shape[1]
            tower, columns = partial(model.model.encode_image, normalize=True), tuple(range(width))
            return TorchTeacher(tower, model.squash, columns, width, device=model.device)
        if isinstance(section, OpenClipTeacher):
            model = load_encoder(self.encoder, self.device)
            return load_zero_shot(section, self.classes, model, self.concepts)
        loaders: dict[str, Callable[[Any, Sequence[str], str], Teacher]] = {
            "torchscript": load_torchscript,
            "onnx": load_onnx,
            "timm": load_timm,
            "torchvision": load_torchvision,
            "query2label": load_query2label,
            "transformers": load_transformers,
            "python": load_python,
            "plugin": load_python,
        }
        return loaders[section.kind](section, self.classes, self.device)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """Inputs that the logits depend on, without the photos.

        Keys of newer versions are included only if they change logits, so that stores stay up to
        date."""
        section = self.section
        later = {"outputs", "activation", "order"}
        if section.kind in ("torchscript", "onnx"):
            later.remove("outputs")  # a key of these kinds since the first version
        settings = {
            key: _OF_WORDS if self.of_words and key in _OF_ENCODER else self._plain(key, value)
            for key, value in section.values().items()
            if key not in later or value in ("probabilities", "softmax")
        }
        if "outputs" in settings:
            settings["outputs"] = section.outputs or "logits"
        inputs = {"recipe": RECIPE, "settings": settings, "classes": list(self.classes)}
        if isinstance(section, OpenClipTeacher) and not section.background:
            inputs["corpus"] = list(self.concepts)
        return inputs

    def _plain(self, key: str, value: Any) -> Any:
        """Return a value of the section as plain data; a file as its hash."""
        if key == "encoder":
            return [encoder_digest(self.encoder), self.encoder.image_size]
        if key == "batch":
            return self.batch
        if isinstance(self.section, TransformersTeacher) and key == "model":
            return model_digest(value)
        if isinstance(self.section, FunctionTeacher) and key in ("function", "name"):
            return list(source(self.section))
        if isinstance(value, Path):
            return files_digest(self.files(value))
        return _without_usual(value.values()) if isinstance(value, Section) else value

    def files(self, path: Path) -> list[Path]:
        """Return all files that are read for a file that the section names, the file first."""
        return onnx_files(path) if self.section.kind == "onnx" else weights_files(path)

    def inputs_on(self, dataset: Dataset, digests: Sequence[str]) -> dict[str, Any]:
        """Return all inputs that the logits of a data set's images, with ``digests``, depend on."""
        inputs = {**self.inputs, "ids": list(dataset.ids)}
        if not isinstance(self.section, NetworkTeacher):
            return inputs
        inputs["photos"] = key_of("photos", list(digests))
        if isinstance(self.section, HeadTeacher) or self.section.oracle:
            inputs["split"] = list(dataset.split)
            inputs["label"] = dataset.label[fit_rows(dataset)].tobytes().hex()
        return inputs

    @cached_property
    def passes(self) -> dict[str, str]:
        """Hash of the inputs of each pass (logits, oracle, features) through a network.

        A photo's values in a pass depend on this hash, on the photo and its batch, and for the
        oracle on its labels. A head's features depend on the encoder alone; its oracle depends on
        all of ``fit``."""
        recipe, values = self.inputs["recipe"], self.inputs["settings"]
        if isinstance(self.section, LogitsTeacher):
            return {}
        if isinstance(self.section, HeadTeacher):
            return {"features": key_of("features", [recipe, values["encoder"], values["batch"]])}
        plain = {name: value for name, value in values.items() if name != "oracle"}
        classes, corpus = self.inputs["classes"], self.inputs.get("corpus")
        logits = key_of("logits", [recipe, plain, classes, corpus])
        if not values.get("oracle"):
            return {"logits": logits}
        return {"logits": logits, "oracle": key_of("oracle", [logits, values["oracle"]])}


def _of_training(encoder: EncoderSection) -> EncoderSection:
    """Return an encoder's section at the size of its training; permissions stay."""
    return encoder.model_copy(update={"image_size": None})


def _without_usual(settings: dict[str, Any]) -> dict[str, Any]:
    """Return a section's settings without ``channels`` that are RGB, which older specs lack."""
    return {key: settings[key] for key in settings if key != "channels" or settings[key]}


def fetch_teacher(teacher: TeacherSection) -> None:
    """Download a spec's teacher if it is a model on the hub; check the graph of an ONNX file.

    Raises ``DataError`` if the teacher is Python code that is not allowed, and for an ONNX file
    that does not fit the spec.
    """
    if isinstance(teacher, OnnxTeacher):
        check_onnx(teacher)
    if isinstance(teacher, FunctionTeacher):
        check_allowed(teacher)
    if isinstance(teacher, TransformersTeacher):
        fetch_model(teacher.model)


def network_of(spec: Spec, name: str, classes: Sequence[str]) -> tuple[Any, Preprocessing]:
    """Return the network ``name`` (``encoder`` or ``teacher``) of a spec, and its preprocessing.

    Photos are resized to the network's size without a crop, so that every pixel is measured.
    Raises ``DataError`` for a teacher that is not a network with gradients.
    """
    if name == "encoder":
        encoder = load_encoder(_of_training(spec.concepts.encoder))
        network, preprocessing = encoder.model.visual, encoder.squash
    else:
        section: Any = spec.teacher
        teacher = None
        if section.kind in _NETWORKS:
            teacher = TeacherSource(resolved(section, classes), classes).load()
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


def fit_rows(dataset: Dataset) -> np.ndarray:
    """Return the positions of the training images (``fit``)."""
    return np.flatnonzero(np.array(dataset.split) == FIT)
