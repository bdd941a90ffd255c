"""open_clip's models: cells and texts against references by hand, and what is told."""

import sys

import numpy as np
import pytest
from precompute_factory import CONV, RESNET, VIT, photo, tiny_encoder

from inficond_panel.errors import DataError, MissingExtraError
from inficond_panel.spec.sections.encoder import OpenClipEncoder
from precompute.encoder import (
    encoder_digest,
    encoder_inputs,
    encoder_name,
    load_encoder,
    load_text_encoder,
    templates,
)

pytest.importorskip("torch")

import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2

from precompute.encoder.dense import dense_function

pytestmark = pytest.mark.torch


def pixels_of(encoder, count=2):
    return np.stack([encoder.prepare(photo(i)) for i in range(count)])


@pytest.mark.parametrize("size", [None, 96])
def test_a_vit_has_values_of_its_last_block_and_positions_between_its_own(tmp_path, size):
    section = tiny_encoder(tmp_path / "e", VIT)
    own = load_encoder(section).model.visual.positional_embedding.detach()
    section.image_size = size
    encoder = load_encoder(section)
    pixels, side = pixels_of(encoder), (size or 64) // 16
    grid = own[1:].T.reshape(1, -1, 4, 4)
    if size:
        how = {"mode": "bicubic", "antialias": True, "align_corners": False}
        grid = torch.nn.functional.interpolate(grid, (side, side), **how)
    positions = torch.vstack([own[:1], grid.flatten(2)[0].T])
    torch.testing.assert_close(encoder.model.visual.positional_embedding, positions)
    cells = encoder.dense(pixels)
    assert (cells.shape, encoder.attention) == ((2, side, side, 24), "value")
    function, _ = dense_function(encoder.model, pixels.shape[2:], "it", "value")
    with torch.inference_mode():
        np.testing.assert_allclose(cells, function(torch.from_numpy(pixels)), atol=1e-5)


def test_attention_pooled_resnet_gives_values_of_the_pooling_layer(tmp_path):
    section = tiny_encoder(tmp_path / "e", RESNET)
    section.image_size = 96
    encoder = load_encoder(section)
    pixels = pixels_of(encoder)
    tower = encoder.model.visual
    given = torch.from_numpy(pixels)
    with torch.inference_mode():
        out = tower.forward_intermediates(given, indices=1, intermediates_only=True)
    features = out["image_intermediates"][-1].numpy()
    pool = {name: value.numpy() for name, value in tower.attnpool.state_dict().items()}
    cells = encoder.dense(pixels)
    assert cells.shape == (2, 3, 3, 24)
    value = features.transpose(0, 2, 3, 1) @ pool["v_proj.weight"].T + pool["v_proj.bias"]
    expected = value @ pool["c_proj.weight"].T + pool["c_proj.bias"]
    np.testing.assert_allclose(cells, expected, atol=1e-5)


def test_preprocessing_is_that_of_the_config_and_a_folder_needs_no_other_name(tmp_path):
    section = tiny_encoder(tmp_path / "e", CONV)
    encoder = load_encoder(section)
    statistics = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}
    resizing = {"interpolation": "bicubic", "resize_mode": "squash"}
    assert encoder.preprocessing == {"size": [64, 64], **statistics, **resizing}
    transform = image_transform_v2(PreprocessCfg(**encoder.model.visual.preprocess_cfg), False)
    image = photo(3, (90, 50))
    np.testing.assert_allclose(encoder.prepare(image), transform(image).numpy(), atol=1e-6)
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


def test_what_cannot_be_used_or_has_no_cells_is_told(tmp_path):
    section = tiny_encoder(tmp_path / "vit", VIT)
    section.image_size = (96, 70)
    with pytest.raises(DataError, match=r"\[96, 70\] is not a multiple of .* size 16") as told:
        load_encoder(section)
    assert told.value.remedy == "Set concepts.encoder.image_size: [96, 64]."
    for model, pretrained, fault in (
        (section.model, "some_tag", "'some_tag' is not a file of weights"),
        ("ViT-Z-99", "x", r"no model ViT-Z-99\. Did you mean 'ViT-"),
        ("ViT-B-16", "no-such-tag", "no weights 'no-such-tag' of ViT-B-16.*openai"),
    ):
        with pytest.raises(DataError, match=fault):
            load_encoder(OpenClipEncoder(model=model, pretrained=pretrained))
    timm = pytest.importorskip("timm")
    name = "test_vit_relpos"
    if not timm.is_model(name):
        pytest.skip(f"timm {timm.__version__} has no {name}")
    with pytest.raises(DataError, match="no dense path") as told:
        load_encoder(tiny_encoder(tmp_path / "t", {**CONV, "timm_model_name": name}))
    assert "average pooling" in told.value.remedy


class Harm:
    def __reduce__(self):
        return (print, ("harm",))


def test_what_is_no_checkpoint_or_has_code_in_it_is_not_loaded(tmp_path, capsys):
    section = tiny_encoder(tmp_path / "e", CONV)
    section.pretrained.write_bytes(b"no weights")
    with pytest.raises(DataError, match="cannot be read as weights"):
        load_encoder(section)
    section.pretrained = tmp_path / "weights.pt"
    torch.save({"state_dict": {"x": torch.zeros(1)}, "harm": Harm()}, section.pretrained)
    with pytest.raises(DataError, match="could run code"):
        load_encoder(section)
    assert "harm" not in capsys.readouterr().out


def test_inputs_say_all_that_a_vector_depends_on(tmp_path):
    section = tiny_encoder(tmp_path / "e", VIT)
    inputs, before = encoder_inputs(section), encoder_digest(section)
    assert inputs == {"kind": "open_clip", "digest": before, "image_size": None, "attention": None}
    section.attention, section.image_size = "plain", (96, 64)
    assert encoder_inputs(section) == {**inputs, "attention": "plain", "image_size": [96, 64]}
    config = section.model / "open_clip_config.json"
    config.write_text(config.read_text() + " ")
    changed = encoder_digest(section)
    section.pretrained.write_bytes(section.pretrained.read_bytes() + b" ")
    assert len({before, changed, encoder_digest(section)}) == 3


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingExtraError, match="open_clip") as told:
        load_encoder(OpenClipEncoder(model="x", pretrained="y"))
    assert "[precompute]" in told.value.remedy


WORDS = ["dog", "traffic light", "{x}"]
COCA = {"embed_cls": True, "output_tokens": True}
SIGLIP = {"no_causal_mask": True, "pool_type": "last", "proj_bias": True}
#: Text towers: what the model's configuration has beside the tiny one's.
TOWERS = {
    "CLIP": {},
    "custom": {"custom_text": True},
    "CoCa": {
        "custom_text": True,
        "text_cfg": COCA,
        "multimodal_cfg": {"context_length": 16, "width": 32, "heads": 2, "layers": 1},
        "vision_cfg": {**VIT, "attentional_pool": True, "output_tokens": True},
    },
    "SigLIP": {"custom_text": True, "text_cfg": SIGLIP},
    "QuickGELU": {"quick_gelu": True},
}


def section_of(folder, name="CLIP", context=16):
    more = TOWERS[name]
    tiny = {"context_length": context, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
    text = {**tiny, **more.get("text_cfg", {})}
    rest = {key: value for key, value in more.items() if not key.endswith("n_cfg")}
    return tiny_encoder(folder, more.get("vision_cfg", CONV), **{**rest, "text_cfg": text})


def by_open_clip(encoder, texts):
    with torch.inference_mode():
        return encoder.model.encode_text(encoder.text.tokenizer(texts), normalize=True).numpy()


@pytest.mark.parametrize("name", TOWERS)
def test_texts_have_open_clips_vectors_and_the_tower_alone_gives_the_same(tmp_path, name):
    section = section_of(tmp_path / "e", name)
    encoder = load_encoder(section)
    vectors = encoder.embed_text(WORDS)
    np.testing.assert_allclose(vectors, by_open_clip(encoder, WORDS), atol=2e-6)
    alone = load_text_encoder(section)
    np.testing.assert_array_equal(alone.embed_text(WORDS), vectors)
    assert (alone.name, alone.digest) == (encoder.name, encoder.text.digest)
    section.pretrained = tmp_path / "weights.pt"  # the same as a checkpoint of torch
    torch.save(encoder.model.state_dict(), section.pretrained)
    np.testing.assert_array_equal(load_text_encoder(section).embed_text(WORDS), vectors)


def test_named_prompts_are_clips_ensemble_and_go_together_with_others(tmp_path):
    """Against open_clip's own zero-shot classifier."""
    encoder = load_encoder(section_of(tmp_path / "e", context=32))
    every, simple = open_clip.OPENAI_IMAGENET_TEMPLATES, open_clip.SIMPLE_IMAGENET_TEMPLATES
    for name, lists, count in (("imagenet", every, 80), ("imagenet_simple", simple, 7)):
        expected = open_clip.build_zero_shot_classifier(
            encoder.model, encoder.text.tokenizer, ["dog", "tree"], lists
        )
        text = encoder.embed_concepts(["dog", "tree"], [name])
        np.testing.assert_allclose(text, expected.detach().T.numpy(), atol=2e-6)
        assert len(templates([name])) == len(lists) == count
    both = templates(["a {} here", "imagenet_simple", "itap of a {}.", "imagenet"])
    assert both[0] == "a {} here"
    assert len(both) == len(set(both)) == 1 + 80  # each once


def test_a_text_that_would_be_cut_is_told(tmp_path):
    encoder = load_text_encoder(section_of(tmp_path / "e"))
    fits = "dog " * 14  # with the first and the last token 16, the context
    encoder.embed_text([fits])
    with pytest.raises(DataError, match=r"reads 16 tokens.*: '(dog ){15}' \(17\)\.") as told:
        encoder.embed_text(["dog", fits + "dog "])
    assert "Shorten" in told.value.remedy
    with pytest.raises(DataError, match=r"\(20\); .* and 2 more\."):
        encoder.embed_text([f"a big black {'dog ' * 14}{i}" for i in range(5)])
