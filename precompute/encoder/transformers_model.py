"""CLIP and SigLIP of the package transformers: embeddings of cells and texts in a joint space.

The dense path equals that of the same families in ``precompute.encoder.dense``: a tower with a
class token (CLIP) uses the values of its last block, a tower with an attention pool (SigLIP) keeps
its last block, and each token is pooled alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image
from torch import nn
from torch.nn import functional

from inficond_panel.common.devices import CPU, torch_device
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.encoder import TransformersEncoder
from precompute.encoder.dense_blocks import Dense, grid_of, with_module
from precompute.encoder.hub import (
    fetch_model,
    folder_of,
    load_pretrained,
    loading,
    model_digest,
    model_files,
)
from precompute.encoder.image import RESAMPLING, Encoder, chosen_size, usual_size
from precompute.encoder.text import TextEncoder

_TYPES = ("clip", "siglip")


def load_transformers(section: TransformersEncoder, device: str = CPU) -> Encoder:
    """Load an encoder of the package transformers: model, tokenizer, preprocessing. Raises the
    errors of ``load_encoder``."""
    files = model_files(fetch_model(section.model))
    with loading(section.model) as transformers, folder_of(files) as folder:
        options = {"local_files_only": True, "trust_remote_code": False}
        config = transformers.AutoConfig.from_pretrained(folder, **options)
        if config.model_type not in _TYPES:
            raise DataError(
                f"{section.model} is of type {config.model_type}, whose cells cannot be embedded.",
                f"Use a model of type {' or '.join(_TYPES)}.",
            )
        hardware = torch_device(device)
        model = JointModel(load_pretrained(transformers.AutoModel, folder, section.model)).to(
            hardware
        )
        processor = transformers.AutoImageProcessor.from_pretrained(folder, **options)
        tokenizer = Tokenizer(
            transformers.AutoTokenizer.from_pretrained(folder, **options),
            config.text_config.max_position_embeddings,
            whole=not model.reads_class,
        )
    vision = config.vision_config
    usual = usual_size(vision.image_size, (vision.patch_size,) * 2)
    size = chosen_size(section.image_size, usual)
    attention = section.attention or ("value" if model.reads_class else "plain")
    resample = int(getattr(processor, "resample", 3) or 3)
    interpolation = Image.Resampling(resample).name.lower()
    name, digest = section.title, model_digest(section.model)
    return Encoder(
        size=size,
        mean=tuple(processor.image_mean),
        std=tuple(processor.image_std),
        interpolation=interpolation if interpolation in RESAMPLING else "bicubic",
        attention=attention,
        model=model,
        text=TextEncoder(name, digest, tokenizer, model.encode_text, hardware),
        _dense=_dense(model.joint, size, attention),
        own_size=usual,
        device=hardware,
    )


class JointModel(nn.Module):
    """CLIP or SigLIP of transformers as one module, with the method names of open_clip's models."""

    def __init__(self, joint: Any) -> None:
        super().__init__()
        self.joint, self.visual = joint, _Visual(joint)

    @property
    def reads_class(self) -> bool:
        """True if the image tower pools by a class token (CLIP); False for SigLIP."""
        return hasattr(self.joint, "visual_projection")

    @property
    def logit_scale(self) -> Any:
        """Logarithm of the factor that turns cosines into logits (inverse temperature)."""
        return self.joint.logit_scale

    def encode_image(self, pixels: Any, normalize: bool = False) -> Any:
        """Return embeddings ``(B, embed)`` of prepared photos; unit vectors with ``normalize``."""
        out = self.visual(pixels)
        return functional.normalize(out, dim=-1) if normalize else out

    def encode_text(self, tokens: Any) -> Any:
        """Return embeddings ``(B, embed)`` of texts, from the output of ``Tokenizer``."""
        return self.joint.get_text_features(**tokens).pooler_output


class _Visual(nn.Module):
    """Image tower as a module: one embedding per photo."""

    def __init__(self, joint: Any) -> None:
        super().__init__()
        self.tower = joint.vision_model
        self.projection = getattr(joint, "visual_projection", nn.Identity())

    def forward(self, pixels: Any) -> Any:
        resized = {"interpolate_pos_encoding": True}
        return self.projection(self.tower(pixel_values=pixels, **resized).pooler_output)


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer of transformers with the interface that ``TextEncoder`` needs.

    With ``whole`` texts are padded to the whole context, as in SigLIP's training.
    """

    tokenizer: Any
    context_length: int
    whole: bool

    def __call__(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return the tokens of texts by input name; ``check_length`` has refused too long texts."""
        padding: dict[str, Any] = {"padding": True}
        if self.whole:
            padding = {"padding": "max_length", "max_length": self.context_length}
        tokens = self.tokenizer(list(texts), return_tensors="pt", **padding)
        names = ("input_ids",) if self.whole else ("input_ids", "attention_mask")
        return {name: tokens[name] for name in names}


def _dense(joint: Any, size: tuple[int, int], attention: str) -> Dense:
    """Return the function from images ``(B, 3, *size)`` to cell embeddings."""
    tower = joint.vision_model
    side = tower.embeddings.patch_size
    grid = grid_of(size, (side, side))
    pool, pool_all = _pools(joint)
    *blocks, last = tower.encoder.layers
    ending = _last(last, attention)
    first = getattr(tower, "pre_layrnorm", nn.Identity())

    def view(images: Any, whole: bool) -> tuple[Any, Any]:
        x = first(tower.embeddings(images, interpolate_pos_encoding=True))
        for block in blocks:
            x = block(x, attention_mask=None)
        places = ending(x)[:, -grid[0] * grid[1] :]
        cells = pool(tower.post_layernorm(places)).reshape(len(images), *grid, -1)
        return cells, pool_all(last(x, attention_mask=None)) if whole else None

    return Dense(view)


def _pools(joint: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return two functions from tokens ``(B, n, width)``: to embeddings, each token pooled alone,
    and from the last block's tokens to photo embeddings."""
    tower = joint.vision_model
    if hasattr(joint, "visual_projection"):
        projection = joint.visual_projection
        return projection, lambda x: projection(tower.post_layernorm(x[:, 0, :]))
    head = getattr(tower, "head", None)
    if head is None:
        raise DataError(
            "The image tower of this SigLIP has no pooling head, so that cells cannot be embedded.",
            "Use a model with vision_use_head: true in its config.json.",
        )
    return lambda x: head(x.reshape(-1, 1, x.shape[-1])), lambda x: head(tower.post_layernorm(x))


def _last(block: Any, attention: str) -> Callable[[Any], Any]:
    """Return the last block as a function, with ``attention`` (see ``dense_blocks``)."""
    projections, norm = block.self_attn, block.layer_norm1
    queries: Any = with_module(projections, "k_proj", projections.q_proj)
    keys: Any = with_module(projections, "q_proj", projections.k_proj)

    def sclip(x: Any) -> Any:
        y = norm(x)
        x = x + queries(y)[0] + keys(y)[0] - projections.out_proj.bias
        return x + block.mlp(block.layer_norm2(x))

    return {
        "plain": lambda x: block(x, attention_mask=None),
        "value": lambda x: projections.out_proj(projections.v_proj(norm(x))),
        "clearclip": lambda x: queries(norm(x))[0],
        "sclip": sclip,
    }[attention]
