"""Query2Label from a checkpoint laid out as the published ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inficond_panel.common.devices import CPU, torch_device
from inficond_panel.common.installation import missing_extra
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import Query2LabelTeacher
from inficond_panel.store.network_weights import State, load_strictly, read_state
from precompute.teachers.kinds.timm_models import build, frozen, timm_layout
from precompute.teachers.preprocessing import of_timm, own_or_given
from precompute.teachers.teacher import TorchTeacher, columns_of

if TYPE_CHECKING:
    from precompute.teachers.kinds.query2label import Shape

_POSITION = "backbone.1.pe"
_BODY = "backbone.body."
_NEEDED = (
    "query_embed.weight",
    "fc.W",
    "transformer.decoder.layers.0.linear1.weight",
)
_REMEDY = "Check teacher.backbone: it must be the one that the checkpoint was trained with."


def load_query2label(
    section: Query2LabelTeacher, classes: Sequence[str], device: str = CPU
) -> TorchTeacher:
    """The teacher of a checkpoint; backbone and attention heads are the spec's, the rest its own.

    Raises ``DataError`` for weights that lack, are too many, or do not fit.
    """
    try:
        from precompute.teachers.kinds.query2label import FeatureMap, Query2Label
    except ImportError as error:
        raise missing_extra("This teacher", error, "precompute") from error
    columns, outputs = columns_of(classes, section.classes)
    state = read_state(section.path)
    shape = read_shape(state, section)
    _check_outputs(section, shape.classes, outputs)
    model = build(section.backbone, section.preprocessing.size, num_classes=0, global_pool="")
    own = {**of_timm(model), "interpolation": "bilinear", "crop": 0.0}
    trained = _trained_size(state, model)
    if trained and not section.preprocessing.size:
        own["size"] = trained
        model = build(section.backbone, trained, num_classes=0, global_pool="")
    network = Query2Label(FeatureMap(model), model.num_features, shape)
    load_strictly(network, _renamed(state, model), section.path, _REMEDY)
    preprocessing = own_or_given(section.preprocessing, own)
    place = torch_device(device)
    return TorchTeacher(frozen(network).to(place), preprocessing, columns, outputs, device=place)


def read_shape(state: State, section: Query2LabelTeacher) -> Shape:
    """Layers and widths of a checkpoint, from the names and shapes of its tensors."""
    from precompute.teachers.kinds.query2label import Shape

    missing = [name for name in _NEEDED if name not in state]
    if missing:
        raise DataError(
            f"{section.path} is no checkpoint of Query2Label: it lacks {', '.join(missing)}.",
            "Name a checkpoint of Query2Label, or take another kind of teacher.",
        )
    classes, width = state["query_embed.weight"].shape
    if width % 4 or width % section.heads:
        raise DataError(
            f"{section.path} has {width} dimensions, which {section.heads} heads (and the position "
            "code, 4) do not divide.",
            "Correct teacher.heads.",
        )
    return Shape(
        classes=classes,
        width=width,
        feedforward=state["transformer.decoder.layers.0.linear1.weight"].shape[0],
        heads=section.heads,
        encoder_layers=len(_layers(state, "encoder")),
        self_attention=tuple(
            f"transformer.decoder.layers.{i}.self_attn.in_proj_weight" in state
            for i in _layers(state, "decoder")
        ),
        projected="input_proj.weight" in state,
    )


def _layers(state: State, part: str) -> list[int]:
    found = (re.match(rf"transformer\.{part}\.layers\.(\d+)\.", name) for name in state)
    return sorted({int(match[1]) for match in found if match})


def _check_outputs(section: Query2LabelTeacher, found: int, named: int) -> None:
    if found != named:
        raise DataError(
            f"{section.path} has {found} classes; the spec and the data set name {named}.",
            "Name the class of each output, in order: teacher.classes.",
        )


def _trained_size(state: State, model: Any) -> tuple[int, int] | None:
    """Width and height of the images in training, from the position code; None without one."""
    import torch

    from precompute.teachers.kinds.query2label import sine_position

    if _POSITION not in state:
        return None
    code = state[_POSITION].float()
    if code.ndim != 4 or not torch.allclose(code[0], sine_position(*code.shape[1:]), atol=1e-3):
        raise DataError(
            f"The checkpoint's position code ({_POSITION}) is not Query2Label's sine code.",
            "Such a network is not known here; export it as TorchScript (kind: torchscript).",
        )
    stride = model.feature_info[-1]["reduction"]
    return code.shape[3] * stride, code.shape[2] * stride


def _renamed(state: State, model: Any) -> State:
    """The tensors by the names of ``Query2Label``; the backbone's as timm has them today."""
    prefix = "backbone.0."
    body = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    if body and all(name.startswith("body.") for name in body):  # within torchvision's layer getter
        body = {name.removeprefix("body."): value for name, value in body.items()}
    rest = {k: v for k, v in state.items() if not k.startswith(prefix) and k != _POSITION}
    return rest | {f"{_BODY}{name}": value for name, value in timm_layout(model, body).items()}
