"""An image-text model as a teacher: classes by their names, no label needed.

The logit of a class is the log-odds of its sentence against others that stand for anything
(``background``: by default the words of the corpus in the same prompts), by the model's own scale
s: ``s cos(image, class) - log mean_j exp(s cos(image, background_j)) + bias``. A class is present
where it has more than an even share of the softmax over the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError
from inficond_panel.spec.framework.types import value_of
from inficond_panel.spec.sections.teacher import OpenClipTeacher
from precompute.encoder import Encoder
from precompute.teachers.preprocessing import of_encoder
from precompute.teachers.teacher import TorchTeacher


def load_zero_shot(
    section: OpenClipTeacher, classes: Sequence[str], encoder: Encoder, corpus: Sequence[str]
) -> TorchTeacher:
    """The zero-shot classifier of the classes of a data set, as a spec's section describes it."""
    _check_names(section, classes)
    names = [section.words.get(name, name) for name in classes]
    prompts = list(section.prompts)
    text = encoder.embed_concepts(names, prompts)
    if section.background:
        background = encoder.embed_text(list(section.background))
    else:
        background = encoder.embed_concepts(list(corpus), prompts)
    offsets = [value_of(section.bias, name) for name in classes]
    network = _network(encoder.model, text, background, np.array(offsets, np.float32))
    columns = tuple(range(len(classes)))
    return TorchTeacher(
        network, of_encoder(encoder), columns, len(classes), softmax=section.softmax,
        device=encoder.device,
    )  # fmt: skip


def _network(model: Any, text: np.ndarray, background: np.ndarray, bias: np.ndarray) -> Any:
    import torch

    for parameter in model.parameters():
        parameter.requires_grad_(False)
    scale = model.logit_scale.exp()
    to_text, to_background, offset = (
        torch.from_numpy(v).to(scale.device) for v in (text, background, bias)
    )

    def logits(pixels: Any) -> Any:
        image = model.encode_image(pixels, normalize=True)
        none = torch.logsumexp(scale * image @ to_background.T, 1) - np.log(len(background))
        return scale * image @ to_text.T - none[:, None] + offset

    return logits


def _check_names(section: OpenClipTeacher, classes: Sequence[str]) -> None:
    biased = {*section.bias} - {"default"} if isinstance(section.bias, dict) else set[str]()
    for key, names in (("words", section.words), ("bias", biased)):
        unknown = sorted(name for name in names if name not in classes)
        if unknown:
            raise DataError(
                f"teacher.{key} names {unknown[0]!r}, which is no class of the data set."
                f"{near(unknown[0], classes)}",
                "Correct the name.",
            )
