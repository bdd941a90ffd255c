"""Embeddings of places by each family of image towers, with random weights, against references."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from precompute_factory import attend

from inficond_panel.errors import DataError

pytest.importorskip("torch")

import torch
from open_clip.model import _build_vision_tower
from open_clip.timm_model import TimmModel
from timm.models.eva import Eva
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer

from precompute.encoder.dense import dense_function

pytestmark = pytest.mark.torch

EMBED = 24


def tower_of(size=64, **vision):
    """An image tower of open_clip with random weights, none of them 0."""
    torch.manual_seed(0)
    return shaken(_build_vision_tower(EMBED, {**vision, "image_size": size}).eval())


def shaken(tower):
    with torch.no_grad():
        for value in tower.parameters():  # what starts at 0 or 1 would hide mistakes
            value.add_(0.1 * torch.randn_like(value))
    return tower


def around(trunk):
    """open_clip's adapter with another trunk of timm in it."""
    tower = TimmModel("test_vit", EMBED, image_size=64, pool="avg", proj="linear")
    tower.trunk = trunk
    tower.head.proj = torch.nn.Linear(trunk.num_features, EMBED)
    return shaken(tower.eval())


SIZES = {"img_size": 64, "patch_size": 16, "embed_dim": 32, "depth": 2, "num_heads": 2}


def vit(**options):
    torch.manual_seed(0)
    return around(VisionTransformer(**SIZES, num_classes=0, **options))


def eva(global_pool="token", **options):
    torch.manual_seed(0)
    options |= {"global_pool": global_pool, "use_rot_pos_emb": True}
    return around(Eva(**SIZES, num_classes=0, **options))


def swin():
    torch.manual_seed(0)
    sizes = {"img_size": 64, "embed_dim": 16, "depths": (1, 1), "num_heads": (2, 4)}
    return around(SwinTransformer(**sizes, window_size=4, num_classes=0))


def timm(name, timm_pool="avg", timm_proj="linear"):
    return tower_of(timm_model_name=f"test_{name}", timm_pool=timm_pool, timm_proj=timm_proj)


VIT = {"layers": 2, "width": 32, "head_width": 16, "patch_size": 16}
CLIPA = {"pool_type": "avg", "final_ln_after_pool": True, "no_ln_pre": True}
NORMS = {"ls_init_value": 0.5, "block_type": "custom", "qk_norm": True}
NORMS |= {"scale_heads": True, "scale_attn": True}
COCA = {**VIT, "attentional_pool": True, "attn_pooler_heads": 2, "attn_pooler_queries": 5}
MEAN = {"global_pool": "avg", "class_token": False}
ABSOLUTE = {"timm_pool": "abs_attn", "timm_proj": None}

#: Family by name: how to build it and of what, and its own attention.
FAMILIES = {
    "CLIP ViT": (tower_of, VIT, "value"),
    "ViT, average": (tower_of, {**VIT, "pool_type": "avg"}, "plain"),
    "CLIPA": (tower_of, {**VIT, **CLIPA}, "plain"),
    "ViT with norms and scales": (tower_of, {**VIT, **NORMS}, "value"),
    "CoCa": (tower_of, COCA, "plain"),
    "CLIP ResNet": (tower_of, {"layers": [1, 1, 1, 1], "width": 8, "head_width": 32}, None),
    "timm ViT, class token": (vit, {}, "value"),
    "timm ViT, average": (vit, {**MEAN, "fc_norm": False}, "plain"),
    "ViTamin's norm": (vit, MEAN, "plain"),
    "SigLIP": (vit, {"global_pool": "map", "class_token": False, "init_values": 0.3}, "plain"),
    "EVA": (eva, {"init_values": 0.3}, "value"),
    "EVA, norm after": (eva, {"use_post_norm": True}, "value"),
    "EVA, projections apart": (eva, {"qkv_fused": False}, "value"),
    "PE": (eva, {"global_pool": "map", "attn_type": "rope"}, "plain"),
    "timm ResNet": (timm, {"name": "resnet"}, None),
    "ConvNeXt": (timm, {"name": "convnext"}, None),
    "ConvNeXt, MLP": (timm, {"name": "convnext", "timm_proj": "mlp"}, None),
    "EfficientNet": (timm, {"name": "efficientnet"}, None),
    "Swin": (swin, {}, None),
    "timm, absolute pool": (timm, {"name": "byobnet", **ABSOLUTE}, None),
    "timm, rotary pool": (timm, {"name": "byobnet", "timm_pool": "rot_attn"}, None),
}
#: One of each kind of transformer, for what the rest repeats.
SEVERAL = ["CLIP ViT", "CoCa", "timm ViT, class token", "SigLIP", "EVA", "PE"]
#: Towers whose pool is the mean of the places and whose head is linear.
LINEAR = ["ViT, average", "timm ViT, average", "timm ResNet", "EfficientNet", "Swin"]


def built(name):
    make, options, _ = FAMILIES[name]
    return make(**options)


def cells_in(name):
    """Cells of 64 x 96 px."""
    return (8, 12) if name == "Swin" else (4, 6) if FAMILIES[name][2] else (2, 3)


def images(height=64, width=64, count=2):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def cells_of(tower, pixels, attention=None):
    model = SimpleNamespace(visual=tower)
    function, used = dense_function(model, tuple(pixels.shape[2:]), "it", attention)
    with torch.inference_mode():
        return function(pixels), used


def whole(tower, pixels):
    with torch.inference_mode():
        out = tower(pixels)
    return out[0] if isinstance(out, tuple) else out


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_gives_cells_of_images_of_any_shape_and_the_whole_in_one_run(name):
    tower, own = built(name), FAMILIES[name][2]
    before = whole(tower, images())
    cells_of(tower, images())
    torch.testing.assert_close(whole(tower, images()), before)
    model = SimpleNamespace(visual=tower)
    for pixels in (images(), images(64, 96, count=3)):
        for attention in ("plain", "clearclip") if own else (None,):
            dense, _ = dense_function(model, pixels.shape[2:], "it", attention)
            with torch.inference_mode():
                cells, pooled = dense.with_whole(pixels)
                assert torch.equal(cells, dense(pixels))
            assert pooled.shape == (len(pixels), EMBED)
            assert torch.equal(pooled, whole(tower, pixels))
    cells, used = cells_of(built(name), images(64, 96))
    assert (cells.shape, used) == ((2, *cells_in(name), EMBED), own)
    assert torch.isfinite(cells).all()
    assert (cells - cells.mean((1, 2), keepdim=True)).abs().max() > 1e-4  # places differ
    assert (cells[0] - cells[1]).abs().max() > 1e-4


@pytest.mark.parametrize("name", LINEAR)
def test_mean_of_the_cells_is_the_global_embedding_of_an_average_pooled_tower(name):
    tower, pixels = built(name), images(64, 96)
    cells, _ = cells_of(tower, pixels)
    torch.testing.assert_close(cells.mean((1, 2)), whole(tower, pixels), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["SigLIP", "PE", "ConvNeXt", "ConvNeXt, MLP", "CLIPA"])
def test_an_image_of_one_place_has_the_global_embedding(name):
    """The pool sees one token, or one place: then the cell must be the whole."""
    tower = built(name)
    pixels = images(32, 32) if "ConvNeXt" in name else images(16, 16)
    cells, _ = cells_of(tower, pixels)
    expected = whole(tower, pixels)
    if name == "PE":  # its pool sees the class token too: take that away
        trunk = tower.trunk
        with torch.inference_mode():
            tokens = trunk.forward_features(pixels)[:, trunk.num_prefix_tokens :]
            expected = tower.head(trunk.forward_head(tokens))
    torch.testing.assert_close(cells[:, 0, 0], expected, atol=1e-5, rtol=1e-4)


def test_coca_cells_are_what_its_pool_gives_for_one_token():
    tower, pixels = built("CoCa"), images()
    cells, _ = cells_of(tower, pixels)
    with torch.inference_mode():
        tokens = tower.transformer(tower._embeds(pixels))[:, 1:]
        for i in range(16):
            pooled, _ = tower._pool(tokens[:, i : i + 1])
            expected = pooled @ tower.proj
            torch.testing.assert_close(cells.flatten(1, 2)[:, i], expected, atol=1e-5, rtol=1e-4)


def into_last_block(tower, pixels):
    """Input of the last block, and its attention's output (rotary embedding too)."""
    trunk = getattr(tower, "trunk", None)
    block = trunk.blocks[-1] if trunk is not None else tower.transformer.resblocks[-1]
    seen = []
    hook = block.register_forward_pre_hook(
        lambda _, args, more: seen.append((args[0], more.get("rope"))), with_kwargs=True
    )
    whole(tower, pixels)
    hook.remove()
    return block, *seen[0]


def attended(x, attention, pairs):
    """Attention by hand, in float64: the sum over ``pairs`` (such as "qk") of softmax(a b') v."""
    own = hasattr(attention, "in_proj_weight")
    weight = attention.in_proj_weight if own else attention.qkv.weight
    bias = attention.in_proj_bias if own else attention.qkv.bias
    out = attention.out_proj if own else attention.proj
    rows = x @ weight.double().numpy().T + bias.double().numpy()
    by = dict(zip("qkv", np.split(rows, 3, -1), strict=True))
    seen = sum(attend(by[a], by[b], by["v"], 2) for a, b in pairs) if pairs else by["v"]
    return seen @ out.weight.double().numpy().T + out.bias.double().numpy()


#: Attention, the pairs that it compares, whether residual connection and feed-forward part stay.
BY_HAND = [
    ("plain", ["qk"], True),
    ("value", [], False),
    ("clearclip", ["qq"], False),
    ("sclip", ["qq", "kk"], True),
]


@pytest.mark.parametrize(("attention", "pairs", "rest"), BY_HAND)
@pytest.mark.parametrize("name", ["CLIP ViT", "timm ViT, class token"])
def test_each_attention_of_the_last_block_by_hand(name, attention, pairs, rest):
    tower, pixels = built(name), images()
    cells, used = cells_of(tower, pixels, attention)
    assert used == attention
    block, x, _ = into_last_block(tower, pixels)
    with torch.no_grad():
        tower = tower.double()
        own = name == "CLIP ViT"
        norms = (block.ln_1, block.ln_2) if own else (block.norm1, block.norm2)
        out = torch.from_numpy(attended(norms[0](x.double()).numpy(), block.attn, pairs))
        if rest:
            out = x.double() + out
            out = out + block.mlp(norms[1](out))
        if own:
            expected = tower.ln_post(out)[:, 1:] @ tower.proj
        else:
            expected = tower.head(tower.trunk.norm(out)[:, 1:])
    close = {"atol": 2e-5, "rtol": 1e-4, "check_dtype": False}
    torch.testing.assert_close(cells.flatten(1, 2).double(), expected, **close)


@pytest.mark.parametrize("name", SEVERAL)
def test_each_attention_of_each_transformer_is_another(name):
    found = []
    for attention in ("value", "plain", "clearclip", "sclip"):
        cells, used = cells_of(built(name), images(64, 96), attention)
        assert (cells.shape, used) == ((2, *cells_in(name), EMBED), attention)
        found.append(cells)
    for one, other in itertools.combinations(found, 2):
        assert (one - other).abs().max() > 1e-5


def test_values_of_eva_are_free_of_its_rotary_embedding_and_comparisons_have_it():
    tower, pixels = built("EVA"), images()
    block, x, rope = into_last_block(tower, pixels)
    attention = block.attn
    assert rope is not None
    with torch.inference_mode():
        weight, bias = attention.qkv.weight.chunk(3), attention.v_bias
        out = attention.proj(attention.norm(block.norm1(x) @ weight[2].T + bias)) * block.gamma_1
        expected = tower.head(tower.trunk.norm(out)[:, 1:])
        weight[1].copy_(weight[0])  # now the plain attention compares queries with queries
        attention.k_bias.copy_(attention.q_bias)
        branch = attention(block.norm1(x), rope=rope) * block.gamma_1
        similar = tower.head(tower.trunk.norm(branch)[:, 1:])
    again = built("EVA")
    cells, _ = cells_of(again, pixels, "value")
    torch.testing.assert_close(cells.flatten(1, 2), expected, atol=1e-5, rtol=1e-4)
    cells, _ = cells_of(again, pixels, "clearclip")
    torch.testing.assert_close(cells.flatten(1, 2), similar, atol=1e-5, rtol=1e-4)


def test_what_cannot_be_used_is_told():
    between = tower_of(**VIT, block_type="custom", scale_attn_inner=True)  # a norm
    with pytest.raises(DataError, match="sclip cannot be used with this encoder"):
        cells_of(between, images(), "sclip")
    assert cells_of(between, images(), "clearclip")[1] == "clearclip"
    with pytest.raises(DataError, match="no choice of attention, but the spec sets value"):
        cells_of(built("timm ResNet"), images(), "value")
    for tower in (torch.nn.Flatten(), tower_of(**VIT, attentional_pool="parallel")):
        with pytest.raises(DataError, match="the encoder it gives no embedding per cell") as told:
            cells_of(tower, images())
        for family in ("SigLIP", "CoCa", "EVA", "ConvNeXt", "average pooling"):
            assert family in told.value.remedy
    for name in ("CLIP ViT", "SigLIP", "EVA"):
        with pytest.raises(DataError, match=r"image_size \[70, 64\] is not a multiple") as told:
            cells_of(built(name), images(64, 70))
        assert told.value.remedy == "Set concepts.encoder.image_size: 64."
