"""Dense embeddings of open_clip's models against references made by hand."""

import numpy as np
import pytest
from precompute_factory import CONV, RESNET, VIT, photo, tiny_encoder

from inficond_panel.errors import DataError, MissingExtraError
from inficond_panel.spec.sections.encoder import OpenClipEncoder
from precompute.encoder import encoder_digest, encoder_inputs, encoder_name, load_encoder

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def pixels_of(encoder, count=2):
    return np.stack([encoder.prepare(photo(i)) for i in range(count)])


def layer_norm(x, state, name):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * state[f"{name}.weight"] + state[f"{name}.bias"]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def gelu(x):
    from scipy.special import erf

    return x * (1 + erf(x / np.sqrt(2))) / 2


def vit_cells_by_hand(state, pixels, positions, heads=2, patch=16):
    """A two-block ViT in NumPy: a whole first block, then the second one's values only."""
    weight = state["conv1.weight"].reshape(len(state["conv1.weight"]), -1)
    rows, columns = pixels.shape[1] // patch, pixels.shape[2] // patch
    tokens = [state["class_embedding"]]
    for r in range(rows):
        for c in range(columns):
            area = pixels[:, r * patch : (r + 1) * patch, c * patch : (c + 1) * patch]
            tokens.append(weight @ area.ravel())
    x = layer_norm(np.array(tokens) + positions, state, "ln_pre")
    for b in range(2):
        name = f"transformer.resblocks.{b}"
        y = layer_norm(x, state, f"{name}.ln_1")
        qkv = y @ state[f"{name}.attn.in_proj_weight"].T + state[f"{name}.attn.in_proj_bias"]
        q, k, v = np.split(qkv, 3, axis=-1)
        if b == 0:
            parts = []
            for h in range(heads):
                part = slice(h * 16, (h + 1) * 16)
                parts.append(softmax(q[:, part] @ k[:, part].T / 4) @ v[:, part])
            v = np.concatenate(parts, -1)
        out = v @ state[f"{name}.attn.out_proj.weight"].T + state[f"{name}.attn.out_proj.bias"]
        if b == 1:
            return layer_norm(out, state, "ln_post")[1:] @ state["proj"]
        x = x + out
        y = gelu(
            layer_norm(x, state, f"{name}.ln_2") @ state[f"{name}.mlp.c_fc.weight"].T
            + state[f"{name}.mlp.c_fc.bias"]
        )
        x = x + y @ state[f"{name}.mlp.c_proj.weight"].T + state[f"{name}.mlp.c_proj.bias"]
    return None


@pytest.mark.parametrize("size", [None, 96])
def test_vit_cells_are_the_values_of_the_last_block(tmp_path, size):
    section = tiny_encoder(tmp_path / "e", VIT)
    section.image_size = size
    encoder = load_encoder(section)
    pixels = pixels_of(encoder)
    state = {
        name: value.double().numpy() for name, value in encoder.model.visual.state_dict().items()
    }
    side = (size or 64) // 16
    cells = encoder.dense(pixels)
    assert cells.shape == (2, side, side, 24)
    original = load_encoder(tiny_section(section)).model.visual.positional_embedding.detach()
    grid = original[1:].T.reshape(1, -1, 4, 4)
    if size:
        grid = torch.nn.functional.interpolate(
            grid, (side, side), mode="bicubic", antialias=True, align_corners=False
        )
    positions = np.vstack([original[:1], grid.flatten(2)[0].T])
    for cell, image in zip(cells, pixels, strict=True):
        expected = vit_cells_by_hand(state, image.astype(float), positions)
        np.testing.assert_allclose(cell.reshape(-1, 24), expected, atol=2e-4)


def tiny_section(section):
    return OpenClipEncoder(model=section.model, pretrained=section.pretrained)


def test_attention_pooled_resnet_gives_values_of_the_pooling_layer(tmp_path):
    section = tiny_encoder(tmp_path / "e", RESNET)
    section.image_size = 96
    encoder = load_encoder(section)
    pixels = pixels_of(encoder)
    tower = encoder.model.visual
    with torch.inference_mode():
        out = tower.forward_intermediates(
            torch.from_numpy(pixels), indices=1, intermediates_only=True
        )
    features = out["image_intermediates"][-1].numpy()
    pool = {name: value.numpy() for name, value in tower.attnpool.state_dict().items()}
    cells = encoder.dense(pixels)
    assert cells.shape == (2, 3, 3, 24)
    for y in range(3):
        for x in range(3):
            value = features[:, :, y, x] @ pool["v_proj.weight"].T + pool["v_proj.bias"]
            expected = value @ pool["c_proj.weight"].T + pool["c_proj.bias"]
            np.testing.assert_allclose(cells[:, y, x], expected, atol=1e-5)


def test_preprocessing_is_that_of_the_config(tmp_path):
    section = tiny_encoder(tmp_path / "e", CONV)
    encoder = load_encoder(section)
    assert encoder.preprocessing == {
        "size": [64, 64],
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.3, 0.4],
        "interpolation": "bicubic",
        "resize_mode": "squash",
    }
    from open_clip.transform import PreprocessCfg, image_transform_v2

    transform = image_transform_v2(PreprocessCfg(**encoder.model.visual.preprocess_cfg), False)
    image = photo(3, (90, 50))
    np.testing.assert_allclose(encoder.prepare(image), transform(image).numpy(), atol=1e-6)


def test_the_digest_is_of_config_and_weights(tmp_path):
    section = tiny_encoder(tmp_path / "e", CONV)
    before = encoder_digest(section)
    assert encoder_digest(section) == before
    config = section.model / "open_clip_config.json"
    config.write_text(config.read_text() + " ")
    changed = encoder_digest(section)
    section.pretrained.write_bytes(section.pretrained.read_bytes() + b" ")
    assert len({before, changed, encoder_digest(section)}) == 3


def test_a_model_without_cells_is_told(tmp_path):
    timm = pytest.importorskip("timm")
    name = "test_vit_relpos"
    if not timm.is_model(name):
        pytest.skip(f"timm {timm.__version__} has no {name}")
    with pytest.raises(DataError, match="no dense path") as told:
        load_encoder(tiny_encoder(tmp_path / "t", {**CONV, "timm_model_name": name}))
    assert "average pooling" in told.value.remedy


def test_what_cannot_be_used_is_told(tmp_path):
    section = tiny_encoder(tmp_path / "vit", VIT)
    section.image_size = (96, 70)
    with pytest.raises(DataError, match=r"\[96, 70\] is not a multiple of .* size 16") as told:
        load_encoder(section)
    assert told.value.remedy == "Set concepts.encoder.image_size: [96, 64]."
    section.pretrained.write_bytes(b"no weights")
    with pytest.raises(DataError, match="cannot be loaded"):
        load_encoder(section)
    section.pretrained = "some_tag"
    with pytest.raises(DataError, match="'some_tag' is not a file of weights"):
        load_encoder(section)
    with pytest.raises(DataError, match=r"no model ViT-Z-99\. Did you mean 'ViT-"):
        load_encoder(OpenClipEncoder(model="ViT-Z-99", pretrained="x"))
    with pytest.raises(DataError, match="no weights 'no-such-tag' of ViT-B-16") as told:
        load_encoder(OpenClipEncoder(model="ViT-B-16", pretrained="no-such-tag"))
    assert "openai" in str(told.value)


def test_a_folder_with_one_file_of_weights_needs_no_other_name(tmp_path):
    section = tiny_encoder(tmp_path / "e", CONV)
    alone = OpenClipEncoder(model=section.model)
    first, second = load_encoder(section), load_encoder(alone)
    np.testing.assert_array_equal(first.dense(pixels_of(first)), second.dense(pixels_of(second)))
    assert (encoder_name(alone), encoder_digest(alone)) == ("weights", encoder_digest(section))
    (section.model / "other.pt").write_bytes(b"")
    assert encoder_name(alone) == "weights"  # one safetensors file among others
    (section.model / "more.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match="holds more"):
        load_encoder(alone)
    (section.model / "open_clip_config.json").unlink()
    with pytest.raises(DataError, match="has no open_clip_config"):
        load_encoder(alone)


class Harm:
    def __reduce__(self):
        return (print, ("harm",))


def test_code_in_a_checkpoint_is_not_run(tmp_path, capsys):
    section = tiny_encoder(tmp_path / "e", CONV)
    section.pretrained = tmp_path / "weights.pt"
    torch.save({"state_dict": {"x": torch.zeros(1)}, "harm": Harm()}, section.pretrained)
    with pytest.raises(DataError, match="cannot be loaded"):
        load_encoder(section)
    assert "harm" not in capsys.readouterr().out


def test_inputs_say_all_that_a_vector_depends_on(tmp_path):
    section = tiny_encoder(tmp_path / "e", VIT)
    inputs = encoder_inputs(section)
    assert inputs == {
        "kind": "open_clip",
        "digest": encoder_digest(section),
        "image_size": None,
        "attention": None,
    }
    section.attention, section.image_size = "plain", (96, 64)
    assert encoder_inputs(section) == {**inputs, "attention": "plain", "image_size": [96, 64]}


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "open_clip", None)
    with pytest.raises(MissingExtraError, match="open_clip") as told:
        load_encoder(OpenClipEncoder(model="x", pretrained="y"))
    assert "[precompute]" in told.value.remedy
