"""Load teachers with an architecture of timm or torchvision, and Query2Label on a timm backbone."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inficond_panel.common.devices import CPU
from inficond_panel.common.installation import needs
from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import Query2LabelTeacher, TimmTeacher, TorchvisionTeacher
from inficond_panel.store.network_weights import (
    State,
    load_strictly,
    read_state,
    within,
    without_prefix,
)
from precompute.teachers.teacher import TorchTeacher, columns_of, frozen_teacher, of_timm

if TYPE_CHECKING:
    from torch import nn

    from precompute.teachers.query2label import QueryShape

_NAMES_REMEDY = "Correct teacher.model, or teacher.classes: it needs a name per output, in order."


def load_timm(section: TimmTeacher, classes: Sequence[str], device: str = CPU) -> TorchTeacher:
    """Load a timm model with its checkpoint as a teacher, or with a separate linear head."""
    columns = columns_of(classes, section.classes, section.softmax)
    model = build(
        section.model,
        section.preprocessing.size,
        num_classes=0 if section.head else columns[1],
        tag=section.pretrained if isinstance(section.pretrained, str) else "",
    )
    if isinstance(section.pretrained, Path):
        state = within(read_state(section.pretrained), model.state_dict().keys())
        state = timm_layout(model, state)
        if section.head:  # ignore the file's own classifier
            weights, named = model.state_dict().keys(), model.default_cfg.get("classifier", "fc")
            parts = (named,) if isinstance(named, str) else named
            unused = tuple(f"{part}." for part in parts)
            state = {k: v for k, v in state.items() if k in weights or not k.startswith(unused)}
        load_strictly(model, state, section.pretrained, _NAMES_REMEDY)
    network = _with_head(model, section.head, columns[1]) if section.head else model
    return frozen_teacher(section, network, of_timm(model), columns, device)


def build(
    name: str, size: tuple[int, int] | None, *, num_classes: int, tag: str = "", **given: Any
) -> Any:
    """Build a timm model for photos of ``size`` (width, height), or of the model's default size.

    Weights are downloaded only if ``tag`` names them. Raises ``DataError`` for a model or tag that
    timm does not know, and if the download fails.
    """
    timm = _timm(name)
    full = f"{name}.{tag}" if tag else name
    known = None
    if tag and num_classes:
        known = timm.models.get_pretrained_cfg(full, allow_unregistered=False)
    if known is not None and known.num_classes != num_classes:
        raise DataError(  # timm would set random weights
            f"The model {full} has {known.num_classes} outputs; expected {num_classes} classes.",
            "Name the class of each output, in order: teacher.classes; or set teacher.head to your "
            "classifier.",
        )
    options = {"num_classes": num_classes, **given}
    if size:
        options["img_size"] = size[::-1]
    try:
        return _created(timm, full, bool(tag), options)
    except Exception as error:  # timm, torch and the hub raise many kinds
        raise DataError(
            f"The model {full} cannot be loaded: {type(error).__name__}: {str(error)[:300]}",
            "Without network: download the checkpoint elsewhere, and set teacher.pretrained to the "
            "file.",
        ) from error


def known_weights(name: str) -> list[str]:
    """Return timm's tags of pretrained weights for a model; ``DataError`` for an unknown model."""
    full = _timm(name).models.get_arch_pretrained_cfgs(name)
    return [tag for tag in (one.partition(".")[2] for one in full) if tag]


def _timm(name: str) -> Any:
    """Import and return the package timm; ``DataError`` if it does not know the model."""
    with needs("This teacher", "precompute"):
        import timm
    if not timm.is_model(name):
        raise DataError(
            f"timm knows no model {name}.{near(name, timm.list_models(), most=3)}",
            "Name one of timm.list_models().",
        )
    return timm


def _created(timm: Any, name: str, pretrained: bool, options: dict[str, Any]) -> Any:
    """Create a timm model, without the option ``img_size`` if the architecture does not have it."""
    try:
        return timm.create_model(name, pretrained=pretrained, **options)
    except TypeError:
        if "img_size" not in options:
            raise
        others = {key: value for key, value in options.items() if key != "img_size"}
        return timm.create_model(name, pretrained=pretrained, **others)


def timm_layout(model: nn.Module, state: State) -> State:
    """Return published weights with timm's present names and shapes."""
    module = sys.modules[type(model).__module__]
    convert = getattr(module, "checkpoint_filter_fn", None)
    return dict(convert(state, model)) if convert else state


def _with_head(model: Any, path: Path, outputs: int) -> Any:
    from torch import nn

    state = read_state(path)
    for prefix in {f"{name.rpartition('.')[0]}." for name in state}:
        state = without_prefix(state, prefix)
    head = nn.Linear(model.num_features, outputs)
    load_strictly(
        head,
        state,
        path,
        f"Save weight ({outputs}, {model.num_features}) and bias ({outputs},) of a linear layer on "
        f"the model's {model.num_features} pooled features.",
    )
    return nn.Sequential(model, head)


def load_torchvision(
    section: TorchvisionTeacher, classes: Sequence[str], device: str = CPU
) -> TorchTeacher:
    """Load a torchvision classifier with weights from a file; nothing is downloaded."""
    columns = columns_of(classes, section.classes, section.softmax)
    models = models_with(section.model)
    model = models.get_model(section.model, weights=None, num_classes=columns[1])
    load_strictly(model, read_state(section.pretrained), section.pretrained, _NAMES_REMEDY)
    usual = models.get_model_weights(section.model).DEFAULT.transforms()
    size, shorter = usual.crop_size[0], usual.resize_size[0]
    own = {
        "size": (size, size),
        "mean": tuple(usual.mean),
        "std": tuple(usual.std),
        "interpolation": usual.interpolation.value,
        "crop": size / shorter,
    }
    return frozen_teacher(section, model, own, columns, device)


def outputs_in(kind: str, name: str, path: Path) -> int:
    """Return the number of outputs of a classifier of timm or torchvision, by the shape of its last
    layer in the weights ``path``; 0 if they have no such layer. Raises the errors of
    ``read_state``."""
    import torch
    from torch import nn

    state = read_state(path)
    with torch.device("meta"):  # only names and shapes
        model = timm_model(name) if kind == "timm" else models_with(name).get_model(name)
    layers = [
        each for each, part in model.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)
    ]
    stated = getattr(model, "default_cfg", {}).get("classifier")
    last = stated if isinstance(stated, str) else (layers or [""])[-1]
    return len(state.get(f"{last}.weight", ()))


def timm_model(name: str) -> nn.Module:
    """Return the timm model ``name`` without trained weights."""
    model: nn.Module = _timm(name).create_model(name)
    return model


def models_with(name: str) -> Any:
    """Return the module ``torchvision.models``; ``DataError`` if it has no classifier ``name``."""
    with needs("This teacher", "precompute"):
        from torchvision import models
    known = models.list_models(module=models)
    if name not in known:
        raise DataError(
            f"torchvision knows no classifier {name}.{near(name, known, most=3)}",
            "Choose one of torchvision.models.list_models(module=torchvision.models).",
        )
    return models


_POSITION = "backbone.1.pe"
_BODY = "backbone.body."
_NEEDED = ("query_embed.weight", "fc.W", "transformer.decoder.layers.0.linear1.weight")
_REMEDY = "Check teacher.backbone: it must be the backbone that the checkpoint was trained with."


def load_query2label(
    section: Query2LabelTeacher, classes: Sequence[str], device: str = CPU
) -> TorchTeacher:
    """Load a Query2Label checkpoint; the spec names the backbone and number of attention heads.

    Raises ``DataError`` for weights that are missing, superfluous, or of another shape.
    """
    with needs("This teacher", "precompute"):
        from precompute.teachers.query2label import FeatureMap, Query2Label
    columns = columns_of(classes, section.classes)
    state = read_state(section.path)
    shape = read_shape(state, section)
    if shape.classes != columns[1]:
        raise DataError(
            f"{section.path} has {shape.classes} classes; the spec and the data set name "
            f"{columns[1]}.",
            "Name the class of each output, in order: teacher.classes.",
        )
    model = build(section.backbone, section.preprocessing.size, num_classes=0, global_pool="")
    usual = {**of_timm(model), "interpolation": "bilinear", "crop": 0.0}
    trained = _trained_size(state, model)
    if trained and not section.preprocessing.size:
        usual["size"] = trained
        model = build(section.backbone, trained, num_classes=0, global_pool="")
    network = Query2Label(FeatureMap(model), model.num_features, shape)
    load_strictly(network, _renamed(state, model), section.path, _REMEDY)
    return frozen_teacher(section, network, usual, columns, device)


def read_shape(state: State, section: Query2LabelTeacher) -> QueryShape:
    """Return the sizes of a Query2Label network, read from the tensors of its checkpoint."""
    from precompute.teachers.query2label import QueryShape

    missing = [name for name in _NEEDED if name not in state]
    if missing:
        raise DataError(
            f"{section.path} is not a checkpoint of Query2Label: it lacks {', '.join(missing)}.",
            "Set teacher.path to a checkpoint of Query2Label, or use another kind of teacher.",
        )
    classes, width = state["query_embed.weight"].shape
    if width % 4 or width % section.heads:
        raise DataError(
            f"{section.path} has {width} dimensions, which must be a multiple of teacher.heads "
            f"({section.heads}) and of 4 (position code).",
            "Correct teacher.heads.",
        )
    return QueryShape(
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
    matches = (re.match(rf"transformer\.{part}\.layers\.(\d+)\.", name) for name in state)
    return sorted({int(match[1]) for match in matches if match})


def _trained_size(state: State, model: Any) -> tuple[int, int] | None:
    """Return (width, height) of the photos in training, computed from the position code. Returns
    None without a position code."""
    import torch

    from precompute.teachers.query2label import sine_position

    if _POSITION not in state:
        return None
    code = state[_POSITION].float()
    if code.ndim != 4 or not torch.allclose(code[0], sine_position(*code.shape[1:]), atol=1e-3):
        raise DataError(
            f"The checkpoint's position code ({_POSITION}) is not Query2Label's sine code.",
            "This variant is not supported; export it as TorchScript (kind: torchscript).",
        )
    stride = model.feature_info[-1]["reduction"]
    return code.shape[3] * stride, code.shape[2] * stride


def _renamed(state: State, model: Any) -> State:
    """Return a checkpoint's tensors with the names in ``Query2Label`` and in the timm backbone."""
    prefix = "backbone.0."
    body = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    if body and all(name.startswith("body.") for name in body):  # within torchvision's layer getter
        body = {name.removeprefix("body."): value for name, value in body.items()}
    rest = {k: v for k, v in state.items() if not k.startswith(prefix) and k != _POSITION}
    return rest | {f"{_BODY}{name}": value for name, value in timm_layout(model, body).items()}
