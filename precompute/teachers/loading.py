"""The teacher that a spec describes, ready to run; and networks with gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from inficond_panel.common.devices import CPU
from inficond_panel.errors import DataError
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.spec.sections.teacher import (
    HeadTeacher,
    NetworkTeacher,
    OpenClipTeacher,
    PythonTeacher,
    TransformersTeacher,
)
from inficond_panel.spec.sections.teacher import Teacher as Section
from precompute.batches.segmenting import encoder_key, loaded
from precompute.datasets.python_function import check_allowed
from precompute.encoder import load_encoder
from precompute.encoder.hub import fetch_model
from precompute.teachers.kinds.files import load_onnx, load_torchscript
from precompute.teachers.kinds.python_object import load_python
from precompute.teachers.kinds.query2label_files import load_query2label
from precompute.teachers.kinds.timm_models import load_timm
from precompute.teachers.kinds.transformers_models import load_transformers
from precompute.teachers.kinds.zero_shot import load_zero_shot
from precompute.teachers.outputs import resolved
from precompute.teachers.preprocessing import Preprocessing, of_encoder
from precompute.teachers.teacher import Teacher, TorchTeacher

#: Kinds of which a network can be had.
_NETWORKS = ("timm", "torchscript", "query2label", "onnx")


def load_teacher(
    teacher: NetworkTeacher,
    classes: Sequence[str],
    encoder: EncoderSection | None = None,
    corpus: Sequence[str] = (),
    device: str = CPU,
) -> Teacher:
    """The teacher that a spec describes, of any kind that gives logits for a photo at once.

    ``encoder`` is the section of the concepts' encoder and ``corpus`` their words, which a
    zero-shot teacher uses where it names none. Raises ``DataError`` for files that do not fit and
    a ``device`` that is not there, and ``MissingExtraError`` without the packages of the extra.
    """
    if isinstance(teacher, OpenClipTeacher):
        model = load_encoder(encoder_of(teacher, encoder), device)
        return load_zero_shot(teacher, classes, model, corpus)
    teacher = resolved(teacher, classes)
    loaders: dict[str, Callable[[Any, Sequence[str], str], Teacher]] = {
        "torchscript": load_torchscript,
        "onnx": load_onnx,
        "timm": load_timm,
        "query2label": load_query2label,
        "transformers": load_transformers,
        "python": load_python,
    }
    return loaders[teacher.kind](teacher, classes, device)


def fetch_teacher(teacher: Section) -> None:
    """Download what a spec's teacher names on the hub; nothing is done for files and what is here.

    Raises ``DataError`` for Python code that is not allowed.
    """
    if isinstance(teacher, PythonTeacher):
        check_allowed(teacher)
    if isinstance(teacher, TransformersTeacher):
        fetch_model(teacher.model)


def load_embedding(
    teacher: HeadTeacher, encoder: EncoderSection | None, device: str = CPU, kept: bool = False
) -> TorchTeacher:
    """The image tower that a teacher's heads sit on; its outputs are unit vectors of photos.

    With ``kept`` the encoder is that of the segments, where these use the same one and it is still
    loaded.
    """
    own = encoder_of(teacher, encoder)
    load = partial(load_encoder, own, device)
    model = loaded(encoder_key(own), load) if kept else load()
    for parameter in model.model.parameters():
        parameter.requires_grad_(False)
    width = model.embed_text(["a"]).shape[1]
    network = partial(model.model.encode_image, normalize=True)
    return TorchTeacher(network, of_encoder(model), tuple(range(width)), width, device=model.device)


def network_of(spec: Spec, name: str, classes: Sequence[str]) -> tuple[Any, Preprocessing]:
    """The network ``encoder`` or ``teacher`` of a spec, and how it takes a photo: all of it,
    squashed to the network's size, so that every pixel of the photo is measured.

    Raises ``DataError`` for a teacher that is no network with gradients.
    """
    if name == "encoder":
        encoder = load_encoder(at_own_size(spec.concepts.encoder))
        network, preprocessing = encoder.model.visual, of_encoder(encoder)
    else:
        section: Any = spec.teacher
        teacher = load_teacher(section, classes) if section.kind in _NETWORKS else None
        settings = getattr(teacher, "preprocessing", None)
        if not isinstance(teacher, TorchTeacher) or not isinstance(settings, Preprocessing):
            raise DataError(
                f"The spec's teacher is of kind {spec.teacher.kind}, which shows no layers and no "
                "gradients.",
                "Take --network encoder, or a spec whose teacher is of kind timm, torchscript or "
                "query2label.",
            )
        network, preprocessing = teacher.network, settings
    for parameter in getattr(network, "parameters", list)():
        parameter.requires_grad_(False)
    return network, replace(preprocessing, crop=0.0)


def batch_of(teacher: NetworkTeacher, encoder: EncoderSection | None) -> int:
    """Photos of a batch, at most; those of its encoder for heads that name no number."""
    if isinstance(teacher, HeadTeacher) and teacher.batch is None:
        return int(encoder_of(teacher, encoder).batch)
    return int(teacher.batch)


def encoder_of(
    teacher: OpenClipTeacher | HeadTeacher, encoder: EncoderSection | None
) -> EncoderSection:
    """Section of the teacher's own encoder, or of the concepts' at the size it was trained for."""
    if teacher.encoder is not None:
        return teacher.encoder
    if encoder is None:
        raise ValueError("neither the teacher nor the concepts have an encoder")
    return at_own_size(encoder)


def at_own_size(encoder: EncoderSection) -> EncoderSection:
    """The section of the concepts' encoder, without its image size: that is of the dense view."""
    names = [field.attribute for field in encoder.fields().values()]
    values = {name: getattr(encoder, name) for name in names if name != "image_size"}
    return type(encoder)(**{name: value for name, value in values.items() if value is not None})
