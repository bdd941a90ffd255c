"""The teacher that a spec's section describes, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from precompute.encoder import Encoder, load_encoder
from precompute.teachers.files import load_onnx, load_torchscript
from precompute.teachers.preprocessing import of_encoder
from precompute.teachers.query2label_files import load_query2label
from precompute.teachers.teacher import Teacher, TorchTeacher
from precompute.teachers.timm_models import load_timm
from precompute.teachers.zero_shot import load_zero_shot


def load_teacher(
    section: Any, classes: Sequence[str], encoder: Any = None, corpus: Sequence[str] = ()
) -> Teacher:
    """The teacher of a spec's section, of any kind that gives logits for a photo at once.

    ``encoder`` is the section of the concepts' encoder and ``corpus`` their words, which a
    zero-shot teacher uses where it names none. Raises ``DataError`` for files that do not fit, and
    ``MissingExtraError`` without the packages of the extra.
    """
    if section.kind == "open_clip":
        return load_zero_shot(section, classes, image_text_model(section, encoder), corpus)
    loaders: dict[str, Callable[[Any, Sequence[str]], Teacher]] = {
        "torchscript": load_torchscript,
        "onnx": load_onnx,
        "timm": load_timm,
        "query2label": load_query2label,
    }
    return loaders[section.kind](section, classes)


def load_embedding(section: Any, encoder: Any) -> TorchTeacher:
    """The image tower that a section's heads sit on; its outputs are unit vectors of photos."""
    model = image_text_model(section, encoder)
    for parameter in model.model.parameters():
        parameter.requires_grad_(False)
    width = model.embed_text(["a"]).shape[1]
    network = partial(model.model.encode_image, normalize=True)
    return TorchTeacher(network, of_encoder(model), tuple(range(width)), width)


def image_text_model(section: Any, encoder: Any) -> Encoder:
    """The teacher's own encoder, or the concepts' at the size that it was trained for."""
    if section.encoder is not None:
        return load_encoder(section.encoder)
    return load_encoder(at_own_size(encoder))


def at_own_size(encoder: Any) -> Any:
    """The section of the concepts' encoder, without its image size: that is of the dense view."""
    names = [field.attribute for field in encoder.fields().values()]
    values = {name: getattr(encoder, name) for name in names if name != "image_size"}
    return type(encoder)(**{name: value for name, value in values.items() if value is not None})
